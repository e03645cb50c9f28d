"""Drawing, apart from computing: one theme, one module a section."""

// Nothing: the icons come from a font that the style sheet names. The script of the theme that draws them anew weighs 1.5 MB.

"""Autoencoders from here in other tools, and theirs here. Nothing else imports this folder."""

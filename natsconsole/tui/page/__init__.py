"""What every screen beside Home is made of: frame, key line, help, rows with a cursor."""

"""What goes into a paper or a browser: tables, figures, the methods paragraph, the error page."""

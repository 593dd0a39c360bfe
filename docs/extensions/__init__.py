"""What the site needs beside Sphinx, MyST and the theme."""

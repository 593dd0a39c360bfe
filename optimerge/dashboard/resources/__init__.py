"""What can be asked of the dashboard, an address a module."""

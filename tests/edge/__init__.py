"""What stands between our methods and the outside."""

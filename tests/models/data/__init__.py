"""Files that older releases wrote, and the script that writes them."""

"""What runs benchmark networks on a board: copied into a folder of them, never imported here."""

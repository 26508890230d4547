"""What commands show in a terminal: `output`, lines and tables; `progress`, of long work."""

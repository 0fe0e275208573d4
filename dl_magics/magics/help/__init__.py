"""`%dl_help`: all magics on one screen, by the evening of a person who rents a GPU."""

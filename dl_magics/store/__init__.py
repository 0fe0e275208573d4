"""The dl_magics data folder of this user: paths, state, ledger, locks."""

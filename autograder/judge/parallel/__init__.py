"""Judge many submissions in parallel: on this machine's cores, or on several machines with Dask."""

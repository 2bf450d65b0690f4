"""AWS in memory, for the fault simulation and the benchmarks: one fake for each service that holds data."""

//! Pixel kernels: arrays in, arrays out. Knows numbers only; never files, headers or jobs.

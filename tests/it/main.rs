//! All tests that are not about one file: one binary, one module a promise.

mod catalog;

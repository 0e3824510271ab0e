//! Schema files: the form, every projection, every example.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_fuzz::schemas(data));

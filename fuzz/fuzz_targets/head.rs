//! Heads, and where the bodies behind them end.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_fuzz::head(data));

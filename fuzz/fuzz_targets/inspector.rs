//! The whole judge, over recordings: however the bytes are cut the findings are the same, and enforce mode clears no byte that it did not take.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plimsoll_fuzz::inspector(data));

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gatekey_fuzz::holds("code", data));

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| gatekey_fuzz::holds("dpop_proof", data));

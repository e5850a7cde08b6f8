#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vouch_diagnostics_fuzz::targets::archive(data));

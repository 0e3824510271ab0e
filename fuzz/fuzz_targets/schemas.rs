//! Schema files: the form, every projection, every example.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    thread_local!(static FILE: tempfile::TempPath = tempfile::Builder::new().suffix(".json").tempfile().expect("a file").into_temp_path());
    FILE.with(|path| {
        std::fs::write(path, data).expect("written");
        let _ = plimsoll::catalog::lint::lint_path(path);
    });
});

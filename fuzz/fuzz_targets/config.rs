//! Configuration files, for every subcommand.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    use clap::CommandFactory as _;
    thread_local!(static FILE: (clap::Command, tempfile::TempPath) =
        (plimsoll::cli::Cli::command(), tempfile::NamedTempFile::new().expect("a file").into_temp_path()));
    FILE.with(|(command, path)| {
        std::fs::write(path, data).expect("written");
        let typed = ["plimsoll".into(), "proxy".into(), "--config".into(), path.to_path_buf().into_os_string()];
        let _ = plimsoll::config::extend(command, typed.to_vec());
    });
});

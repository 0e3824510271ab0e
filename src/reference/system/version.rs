//! `GET /version`.

use serde_json::json;

use super::super::Engine;
use super::super::answer::Answer;
use super::VERSION;

/// The kernel of the simulated host.
pub(super) const KERNEL: &str = "6.1.0";
/// No clock of the build is read, so that two builds answer the same.
const BUILD_TIME: &str = "2026-01-01T00:00:00.000000000+00:00";

pub(super) fn answer(engine: &Engine) -> Answer {
    let settings = engine.settings();
    let (newest, oldest) = (settings.newest.to_string(), settings.oldest.to_string());
    Answer::json(json!({
        "Platform": { "Name": "plimsoll reference backend" },
        "Components": [{
            "Name": "Engine",
            "Version": VERSION,
            "Details": {
                "ApiVersion": newest,
                "Arch": "amd64",
                "BuildTime": BUILD_TIME,
                "Experimental": "false",
                "GitCommit": "",
                "GoVersion": "",
                "KernelVersion": KERNEL,
                "MinAPIVersion": oldest,
                "Os": "linux",
            },
        }],
        "Version": VERSION,
        "ApiVersion": newest,
        "MinAPIVersion": oldest,
        "GitCommit": "",
        "GoVersion": "",
        "Os": "linux",
        "Arch": "amd64",
        "KernelVersion": KERNEL,
        "BuildTime": BUILD_TIME,
    }))
}

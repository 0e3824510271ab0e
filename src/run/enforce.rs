//! `--mode enforce`: what was typed becomes the policy of the proxy.

use crate::catalog::Catalog;
use crate::cli::{EnforceArgs, EnforceOn, EnforceSide, Mode, OutputArgs};
use crate::error::Error;
use crate::inspect::EnforcePolicy;
use crate::model::Severity;

/// The policy, if there is to be one.
pub(super) fn policy(output: &OutputArgs, args: &EnforceArgs) -> Result<Option<EnforcePolicy>, Error> {
    if output.mode == Mode::Observe {
        let idle =
            [("--enforce", args.enforce.is_some()), ("--enforce-on", args.enforce_on.is_some()), ("--allow", !args.allow.is_empty())];
        return match idle.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(Error::usage(format!("{option} needs --mode enforce: in observe mode everything passes"))),
            None => Ok(None),
        };
    }
    // Files of --schemas may name operations of their own.
    let known = |name: &str| output.schemas.is_some() || Catalog::builtin().operation(name).is_some();
    if let Some(name) = args.allow.iter().filter_map(|allowed| allowed.operation()).find(|name| !known(name)) {
        return Err(Error::usage(format!("--allow: there is no operation `{name}`; `plimsoll schemas list` names them all")));
    }
    let side = args.enforce.unwrap_or_default();
    Ok(Some(EnforcePolicy {
        requests: side != EnforceSide::Response,
        responses: side != EnforceSide::Request,
        level: match args.enforce_on.unwrap_or_default() {
            EnforceOn::Error => Severity::Error,
            EnforceOn::Warning => Severity::Warning,
        },
        allow: args.allow.clone(),
    }))
}

/// A subcommand that only looks cannot enforce.
pub(super) fn refuse(output: &OutputArgs, command: &str, why: &str) -> Result<(), Error> {
    match output.mode {
        Mode::Observe => Ok(()),
        Mode::Enforce => Err(Error::usage(format!("`plimsoll {command}` cannot enforce: {why}; --mode enforce is for `proxy` and `run`"))),
    }
}

//! `--mode enforce`: what was typed becomes the policy of the proxy.

use crate::catalog::Catalog;
use crate::cli::{EnforceArgs, EnforceOn, EnforceSide, Mode, OutputArgs};
use crate::error::Error;
use crate::inspect::{EnforcePolicy, Limits, Scope};
use crate::model::Severity;

/// The policy, if there is to be one.
pub(super) fn policy(output: &OutputArgs, args: &EnforceArgs) -> Result<Option<EnforcePolicy>, Error> {
    if output.mode == Mode::Observe {
        let idle = [
            ("--enforce", args.enforce.is_some()),
            ("--enforce-on", args.enforce_on.is_some()),
            ("--allow", !args.allow.is_empty()),
            ("--deny", !args.deny.is_empty()),
            ("--only", !args.only.is_empty()),
        ];
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
    let is_tag = |name: &str| Catalog::builtin().operations().iter().any(|operation| operation.tag() == name);
    for (option, scopes) in [("--deny", &args.deny), ("--only", &args.only)] {
        if let Some(name) = scopes.iter().filter_map(Scope::name).find(|name| !known(name) && !is_tag(name)) {
            return Err(Error::usage(format!(
                "{option}: `{name}` is neither read nor write, no operation and no tag; `plimsoll schemas list` names them all"
            )));
        }
        if !scopes.is_empty() && args.enforce == Some(EnforceSide::Response) {
            return Err(Error::usage(format!("{option} holds requests back, and --enforce response lets all of them pass")));
        }
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
        limits: Limits { only: args.only.clone(), deny: args.deny.clone() },
    }))
}

/// A subcommand that only looks cannot enforce.
pub(super) fn refuse(output: &OutputArgs, command: &str, why: &str) -> Result<(), Error> {
    match output.mode {
        Mode::Observe => Ok(()),
        Mode::Enforce => Err(Error::usage(format!("`plimsoll {command}` cannot enforce: {why}; --mode enforce is for `proxy` and `run`"))),
    }
}

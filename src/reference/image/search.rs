//! `GET /images/search`: the repositories that are built in.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::refusal::Refusal;
use super::registry::{BUILT_IN, dial, is_local};

/// How many are found when the client does not say.
const DEFAULT_LIMIT: i64 = 25;

/// Answers the operation.
pub(super) fn answer(call: &Call) -> Result<Answer, Refusal> {
    let limit = match call
        .query
        .int("limit")
        .map_err(|refusal| Refusal::server_error(refusal.message.replace("ParseInt", "Atoi")))?
        .unwrap_or(DEFAULT_LIMIT)
    {
        0 => DEFAULT_LIMIT,
        limit @ 1..=100 => limit,
        limit => return Err(Refusal::bad_parameter(format!("Limit {limit} is outside the range of [1, 100]"))),
    };
    let filters = call.query.filters()?;
    filters.only(&["is-automated", "is-official", "stars"])?;
    let invalid = |name: &str| Refusal::bad_parameter(format!("invalid filter '{name}=[{}]'", filters.get(name).join(" ")));
    let automated = filters.flag("is-automated").map_err(|_| invalid("is-automated"))?;
    let official = filters.flag("is-official").map_err(|_| invalid("is-official"))?;
    let mut least = 0;
    for stars in filters.get("stars") {
        least = least.max(stars.parse::<u32>().map_err(|_| Refusal::bad_parameter(format!("invalid filter 'stars={stars}'")))?);
    }
    let term = call.query.text("term");
    if term.contains("://") {
        return Err(Refusal::bad_parameter("Invalid repository name (ex: \"registry.domain.tld/myrepos\")"));
    }
    if let Some((registry, _)) = term.split_once('/')
        && (registry.contains(['.', ':']) || registry == "localhost")
        && let Some(why) = unreachable(registry)
    {
        return Err(Refusal::server_error(why));
    }
    let term = term.strip_prefix("docker.io/").unwrap_or(term);
    let term = term.strip_prefix("library/").unwrap_or(term).to_lowercase();
    let mut found: Vec<_> = BUILT_IN
        .iter()
        .filter(|repository| repository.name.contains(&term) || repository.description.to_lowercase().contains(&term))
        .filter(|repository| automated != Some(true) && official != Some(false) && repository.stars >= least)
        .collect();
    found.sort_by_key(|repository| std::cmp::Reverse(repository.stars));
    let document = |name: &str, description: &str, stars: u32| {
        if call.since(7) {
            json!({
                "name": name,
                "description": description,
                "star_count": stars,
                "is_official": true,
                "is_automated": false,
                "is_trusted": false,
            })
        } else {
            json!({ "Name": name, "Description": description })
        }
    };
    let found = found.into_iter().map(|repository| document(repository.name, repository.description, repository.stars));
    Ok(Answer::json(Value::Array(found.take(usize::try_from(limit).unwrap_or(1)).collect())))
}

/// What the daemon says of a registry that does not answer, in search's own words; none when it does.
fn unreachable(registry: &str) -> Option<String> {
    let is_local = is_local(registry);
    if ["docker.io", "index.docker.io"].contains(&registry) || (is_local && registry.ends_with(":5000")) {
        return None;
    }
    let attempt = |scheme: &str, port: &str| format!("Get \"{scheme}://{registry}/v1/_ping\": {}", dial(registry, port));
    let (first, second) = (attempt("https", "443"), attempt("http", "80"));
    Some(if is_local {
        format!("invalid registry endpoint \"http://{registry}/v1/\". HTTPS attempt: {first}. HTTP attempt: {second}")
    } else {
        format!(
            "invalid registry endpoint https://{registry}/v1/: {first}. If this private registry supports only HTTP or HTTPS with an unknown CA \
             certificate, please add `--insecure-registry {registry}` to the daemon's arguments. In the case of HTTPS, if you have access to the \
             registry's CA certificate, no need for the flag; simply place the CA certificate at /etc/docker/certs.d/{registry}/ca.crt"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_that_do_not_answer() {
        for (registry, expected) in [
            ("docker.io", None),
            ("localhost:5000", None),
            (
                "127.0.0.1:1",
                Some("invalid registry endpoint \"http://127.0.0.1:1/v1/\". HTTPS attempt: Get \"https://127.0.0.1:1/v1/_ping\": "),
            ),
            (
                "hub.invalid",
                Some("invalid registry endpoint https://hub.invalid/v1/: Get \"https://hub.invalid/v1/_ping\": dial tcp: lookup "),
            ),
        ] {
            let why = unreachable(registry);
            assert_eq!(why.is_some(), expected.is_some(), "{registry}");
            assert!(why.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{registry}");
        }
    }
}

//! `GET /images/search`: the repositories that are built in.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::refusal::Refusal;
use super::registry::BUILT_IN;

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

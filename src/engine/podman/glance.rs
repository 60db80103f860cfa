//! Podman's answers to questions that a script on its host asked for us.

use serde_json::Value;

use super::super::api::segment;
use super::{API, inspect, unwrapped};
use crate::engine::{Answer, Glance, Network, NetworkFacts, Question};

/// The questions as URLs on the socket.
pub fn glance(socket: &'static str, questions: &[Question]) -> Glance {
    let url = |question: &Question| {
        let (kind, name) = match question {
            Question::Container(name) => ("containers", name),
            Question::Image(name) => ("images", name),
            Question::Volume(name) => ("volumes", name),
            Question::Network(name) => ("networks", name),
            Question::Secret(name) => ("secrets", name),
            Question::Networks => return format!("http://d{API}/networks/json"),
        };
        // A dot segment would be taken out of the path by whoever asks: there is nothing of that name.
        let name = match segment(name).as_str() {
            "" | "." | ".." => "%00".to_owned(),
            name => name.to_owned(),
        };
        let what = if matches!(question, Question::Volume(_)) { "exists" } else { "json" };
        format!("http://d{API}/{kind}/{name}/{what}")
    };
    Glance { socket, urls: questions.iter().map(url).collect() }
}

/// Reads an answer; the error is in words.
pub fn understood(question: &Question, code: u16, body: &str) -> Result<Answer, String> {
    let there = match code {
        200..=299 => true,
        404 => false,
        code => return Err(format!("{code}: {body}")),
    };
    let value = || match there {
        true => serde_json::from_str::<Value>(body).map(unwrapped).map_err(|error| error.to_string()),
        false => Ok(None),
    };
    Ok(match question {
        Question::Container(_) => {
            let read = value()?.map(inspect::inspected).transpose().map_err(|error| error.to_string())?;
            Answer::Container(read.map(Box::new))
        }
        Question::Image(_) => Answer::Image(value()?.as_ref().and_then(image_id)),
        Question::Volume(_) => Answer::Volume(there),
        Question::Network(_) => Answer::Network(value()?.as_ref().map(network)),
        Question::Networks => {
            let networks: Option<Vec<Network>> =
                serde_json::from_str(body).map_err(|error| error.to_string())?;
            Answer::Networks(networks.unwrap_or_default())
        }
        Question::Secret(_) => Answer::Secret(there),
    })
}

/// An image's id without the name of its hash.
pub fn image_id(image: &Value) -> Option<String> {
    image.get("Id")?.as_str().map(|id| id.trim_start_matches("sha256:").to_owned())
}

/// What is read of a network.
pub fn network(value: &Value) -> NetworkFacts {
    let subnets = value.get("subnets").and_then(Value::as_array);
    let subnets = subnets.into_iter().flatten().filter_map(|subnet| subnet.get("subnet")?.as_str());
    NetworkFacts { addresses: inspect::addresses(value), subnets: subnets.map(str::to_owned).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_place() {
        let questions = [Question::Container("a/../b c*".into()), Question::Volume("..".into())];
        let urls = glance("/s", &questions).urls;
        assert_eq!(urls[0], "http://d/v4.0.0/libpod/containers/a%2F..%2Fb%20c%2A/json");
        assert_eq!(urls[1], "http://d/v4.0.0/libpod/volumes/%00/exists");
    }

    #[test]
    fn answers_are_read() {
        let network = r#"{"name":"podman","subnets":[{"subnet":"10.88.0.0/16","gateway":"10.88.0.1"}]}"#;
        let facts = NetworkFacts { addresses: vec![], subnets: vec!["10.88.0.0/16".into()] };
        let question = Question::Network("podman".into());
        assert_eq!(understood(&question, 200, network), Ok(Answer::Network(Some(facts))));
        assert_eq!(understood(&question, 404, "{}"), Ok(Answer::Network(None)));
        assert!(understood(&question, 500, "broken").unwrap_err().contains("broken"));
        let image = Question::Image("x".into());
        assert_eq!(understood(&image, 200, r#"{"Id":"sha256:ab"}"#), Ok(Answer::Image(Some("ab".into()))));
        assert_eq!(understood(&Question::Volume("v".into()), 204, ""), Ok(Answer::Volume(true)));
        assert_eq!(understood(&Question::Secret("s".into()), 404, "{}"), Ok(Answer::Secret(false)));
        assert_eq!(understood(&Question::Networks, 200, "null"), Ok(Answer::Networks(Vec::new())));
        assert!(understood(&Question::Networks, 404, "{}").is_err(), "no networks are not an answer");
        let all = understood(&Question::Networks, 200, &format!("[{network}]"));
        assert!(matches!(all, Ok(Answer::Networks(all)) if all.len() == 1 && all[0].name == "podman"));
    }
}

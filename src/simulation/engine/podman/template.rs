//! Go's templates, as far as people use them in `--format`: fields of fields, `json`, text between them.

use serde_json::Value;

use super::Failed;

/// Fills a template from a value. Fields are found whatever their case, since a template names Go's fields and a
/// value has those of JSON.
pub(super) fn fill(command: &str, template: &str, value: &Value) -> Result<String, Failed> {
    let template = template.strip_prefix("table ").unwrap_or(template);
    let mut text = String::new();
    let mut rest = template;
    while let Some(start) = rest.find("{{") {
        text.push_str(&unescape(&rest[..start]));
        let inner = &rest[start + 2..];
        let Some(end) = inner.find("}}") else {
            return Err(Failed::new(format!("template: {command}:1: unclosed action")));
        };
        text.push_str(&action(command, inner[..end].trim().trim_matches('-').trim(), value)?);
        rest = &inner[end + 2..];
    }
    text.push_str(&unescape(rest));
    Ok(text)
}

fn unescape(text: &str) -> String {
    text.replace("\\t", "\t").replace("\\n", "\n")
}

fn action(command: &str, action: &str, value: &Value) -> Result<String, Failed> {
    let words: Vec<&str> = action.split_whitespace().collect();
    match words.as_slice() {
        ["json", path] => Ok(field(command, path, value)?.to_string()),
        [path, "|", "json"] => Ok(field(command, path, value)?.to_string()),
        [path] if path.starts_with('.') => Ok(printed(field(command, path, value)?)),
        [word, ..] => Err(Failed::new(format!("template: {command}:1: function \"{word}\" not defined"))),
        [] => Err(Failed::new(format!("template: {command}:1: missing value for command"))),
    }
}

fn field<'a>(command: &str, path: &str, value: &'a Value) -> Result<&'a Value, Failed> {
    let mut here = value;
    for name in path.split('.').filter(|name| !name.is_empty()) {
        let found = here.as_object().and_then(|object| {
            let exact = object.get(name);
            exact.or_else(|| {
                object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
            })
        });
        here = found.ok_or_else(|| {
            let kind = if command == "inspect" { "interface {}" } else { "reporter" };
            Failed::new(format!(
                "template: {command}:1:2: executing \"{command}\" at <{path}>: can't evaluate field {name} in type {kind}"
            ))
        })?;
    }
    Ok(here)
}

/// A value as Go prints it.
pub(super) fn printed(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".into(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(values) => format!("[{}]", values.iter().map(printed).collect::<Vec<_>>().join(" ")),
        Value::Object(fields) => {
            let mut fields: Vec<String> =
                fields.iter().map(|(key, value)| format!("{key}:{}", printed(value))).collect();
            fields.sort();
            format!("map[{}]", fields.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_and_missing_ones_are_an_error() {
        let value =
            serde_json::json!({ "State": { "Running": true, "Pid": 7 }, "ociRuntime": { "name": "crun" } });
        let filled = |template| fill("inspect", template, &value);
        assert_eq!(filled("{{.State.Running}} {{ .OCIRuntime.Name }}").unwrap(), "true crun");
        assert_eq!(filled("{{json .State}}").unwrap(), r#"{"Running":true,"Pid":7}"#);
        assert_eq!(filled("{{.State}}").unwrap(), "map[Pid:7 Running:true]");
        let Err(Failed::Said(text, 125)) = filled("{{.Nope}}") else { unreachable!() };
        assert!(text.contains("can't evaluate field Nope"), "{text}");
        assert!(filled("{{.State").is_err());
    }
}

//! Every script that drover sends to hosts is one for this shell.

use super::super::syntax::Parser;

fn parses(name: &str, text: &str) {
    let mut parser = Parser::new(text, 1);
    let mut commands = 0;
    loop {
        match parser.next_line() {
            Ok(Some(list)) => commands += list.0.len(),
            Ok(None) => break,
            Err(error) => panic!("{name}, line {}: {}", error.line, error.message),
        }
    }
    assert!(commands > 0, "{name} has no command");
}

#[test]
fn every_script_in_a_file_parses() {
    // Whatever is added later is found, too.
    let mut count = 0;
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sh") {
                parses(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap());
                count += 1;
            }
        }
    }
    assert!(count >= 15, "only {count} scripts were found");
}

#[test]
fn scripts_parse_as_they_are_sent() {
    let view = concat!(
        include_str!("../../../migrate/scripts/entries.sh"),
        "\n",
        include_str!("../../../migrate/scripts/view.sh"),
        "\n",
    );
    let source = include_str!("../../../engine/podman/source.sh");
    for (name, text) in [
        ("depart", format!("{source}{}", include_str!("../../../engine/podman/depart.sh"))),
        ("stay", format!("{source}{}", include_str!("../../../engine/podman/stay.sh"))),
        ("tidy", format!("{source}{}", include_str!("../../../engine/podman/tidy.sh"))),
        ("difference", format!("{view}{}", include_str!("../../../migrate/scripts/difference.sh"))),
        ("manifest", format!("{view}{}", include_str!("../../../migrate/scripts/manifest.sh"))),
    ] {
        parses(name, &text);
        // The login shell gets each as one line, in quotes.
        parses(name, &crate::ssh::Command::script(&text, ["a'b", "", "$(c)"]).to_string());
    }
}

/// The scripts that stand in the code between other lines.
#[test]
fn scripts_within_the_code_parse() {
    for (file, text) in [
        ("watch/listing.rs", include_str!("../../../watch/listing.rs")),
        ("engine/podman/mod.rs", include_str!("../../../engine/podman/mod.rs")),
        ("migrate/survey.rs", include_str!("../../../migrate/survey.rs")),
        ("ssh/connection.rs", include_str!("../../../ssh/connection.rs")),
    ] {
        let mut found = 0;
        for script in literals(text) {
            let looks = ["set -u", "exec 3<&0", "for path;", "if [ ", "sudo -n true &&"];
            if looks.iter().any(|start| script.trim_start().starts_with(start)) {
                parses(file, &script);
                found += 1;
            }
        }
        assert!(found > 0, "{file} has no script any more");
    }
}

/// The string literals of a file of Rust.
fn literals(text: &str) -> Vec<String> {
    let mut literals = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('"') {
        let raw = rest[..at].ends_with("r#");
        rest = &rest[at + 1..];
        let end = if raw { rest.find("\"#").unwrap_or(rest.len()) } else { plain_end(rest) };
        let literal = &rest[..end];
        literals.push(if raw {
            literal.to_owned()
        } else {
            literal.replace("\\\"", "\"").replace("\\n", "\n").replace("\\\\", "\\")
        });
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    literals
}

fn plain_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at,
            _ => {}
        }
    }
    text.len()
}

//! Flags and arguments as Podman reads them: flags may stand anywhere before `--`.

use super::Failed;

/// What was said.
#[derive(Debug, Default)]
pub(in crate::simulation::engine) struct Arguments<'a> {
    flags: Vec<(&'static str, String)>,
    /// What is no flag.
    pub words: Vec<&'a str>,
}

impl Arguments<'_> {
    /// Whether a flag was given, and not as `--flag=false`.
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| value != "false")
    }

    /// The last value of a flag.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// All values of a flag, in order.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.flags.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// Reads words by a list of known flags: `all/a format= filter/f=` knows `--all`, `-a`, `--format VALUE`, and
/// `--filter VALUE` with `-f`. A `+` at its end: what follows the first word belongs to somebody else.
pub(super) fn parse<'a>(
    command: &str,
    known: &'static str,
    words: &[&'a str],
) -> Result<Arguments<'a>, Failed> {
    let (known, leading) = match known.strip_suffix('+') {
        Some(known) => (known, true),
        None => (known, false),
    };
    let known: Vec<(&'static str, Option<char>, bool)> = known
        .split_whitespace()
        .map(|flag| {
            let (flag, takes) = flag.strip_suffix('=').map_or((flag, false), |flag| (flag, true));
            let (long, short) = flag.split_once('/').unwrap_or((flag, ""));
            (long, short.chars().next(), takes)
        })
        .collect();
    let refuse = |what: String| Failed::new(format!("{what}\nSee 'podman {command} --help'"));
    let mut arguments = Arguments::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if *word == "--" {
            arguments.words.extend(rest);
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let Some((name, _, takes)) = known.iter().find(|(known, ..)| *known == name) else {
                return Err(refuse(format!("unknown flag: --{name}")));
            };
            let value = match value {
                Some(value) => value.to_owned(),
                None if *takes => {
                    let value =
                        rest.next().ok_or_else(|| refuse(format!("flag needs an argument: --{name}")))?;
                    (*value).to_owned()
                }
                None => "true".into(),
            };
            arguments.flags.push((name, value));
        } else if word.len() > 1 && word.starts_with('-') {
            let mut letters = word[1..].chars();
            while let Some(letter) = letters.next() {
                let Some((name, _, takes)) = known.iter().find(|(_, short, _)| *short == Some(letter)) else {
                    return Err(refuse(format!("unknown shorthand flag: '{letter}' in {word}")));
                };
                if !takes {
                    arguments.flags.push((name, "true".into()));
                    continue;
                }
                let glued: String = letters.by_ref().collect();
                let value = if glued.is_empty() {
                    let needs = || refuse(format!("flag needs an argument: '{letter}' in {word}"));
                    (*rest.next().ok_or_else(needs)?).to_owned()
                } else {
                    glued.trim_start_matches('=').to_owned()
                };
                arguments.flags.push((name, value));
            }
        } else {
            arguments.words.push(word);
            if leading {
                arguments.words.extend(rest);
                break;
            }
        }
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_wherever_they_stand() {
        let read = parse(
            "ps",
            "all/a quiet/q format= filter/f=",
            &["-aq", "x", "--format", "json", "-fa=b", "--", "-z"],
        )
        .unwrap();
        assert!(read.has("all") && read.has("quiet"));
        assert_eq!((read.value("format"), read.value("filter")), (Some("json"), Some("a=b")));
        assert_eq!(read.words, ["x", "-z"]);
        let read = parse("exec", "tty/t interactive/i +", &["-i", "c", "ls", "-l"]).unwrap();
        assert_eq!(read.words, ["c", "ls", "-l"]);
        let unknown = parse("ps", "all/a", &["--nosuch"]).unwrap_err();
        assert_eq!(unknown, Failed::new("unknown flag: --nosuch\nSee 'podman ps --help'"));
    }
}

//! OpenSSH's host patterns: `*`, `?`, and `!` for negation.

/// Whether a list of patterns names a host: some pattern matches and no negated one does.
pub fn matches_list<S: AsRef<str>>(patterns: &[S], name: &str) -> bool {
    let mut matched = false;
    for pattern in patterns {
        let pattern = pattern.as_ref().to_lowercase();
        match pattern.strip_prefix('!') {
            Some(negated) if matches(negated, name) => return false,
            Some(_) => {}
            None => matched |= matches(&pattern, name),
        }
    }
    matched
}

/// Greedy matching that goes back to the last `*` only: linear in practice, never exponential, so that a
/// hostile pattern cannot stall drover.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at_pattern, mut at_name) = (0, 0);
    let mut last_star = None;
    while at_name < name.len() {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                last_star = Some((at_pattern, at_name));
                at_pattern += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[at_name] => {
                at_pattern += 1;
                at_name += 1;
            }
            _ => match last_star {
                Some((star, taken)) => {
                    last_star = Some((star, taken + 1));
                    at_pattern = star + 1;
                    at_name = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at_pattern..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_and_negation() {
        for (patterns, name, expected) in [
            (vec!["h1"], "h1", true),
            (vec!["h1"], "h12", false),
            (vec!["h?"], "h1", true),
            (vec!["h?"], "h", false),
            (vec!["*.example.org"], "a.b.example.org", true),
            (vec!["*.example.org", "!secret.example.org"], "secret.example.org", false),
            (vec!["!secret.example.org", "*.example.org"], "other.example.org", true),
            (vec!["!secret"], "other", false),
            (vec!["[h*]:2222"], "[h1]:2222", true),
            (vec!["[h*]:2222"], "h1", false),
            (vec!["10.77.0.*"], "10.77.0.12", true),
            (vec!["EXAMPLE"], "example", true),
            (vec!["**a**b"], "xxaxxb", true),
            (vec![""], "", true),
        ] {
            assert_eq!(matches_list(&patterns, name), expected, "{patterns:?} {name}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends() {
        let pattern = "*a".repeat(2000);
        assert!(!matches(&pattern, &"a".repeat(1500)));
    }
}

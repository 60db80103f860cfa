//! What a lab says while it works.

/// Something worth showing while a lab comes up or goes down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A step of a long build began; `percent` is roughly how much of the whole is done.
    Build {
        /// How far the build is, 0 to 100.
        percent: u8,
        /// What it does now.
        step: String,
    },
    /// A short step.
    Step(String),
    /// Something a person should know, and that should stay on the screen.
    Note(String),
}

/// Takes what a lab says.
pub type Report<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// The steps of mmdebstrap in their order, with the share of the time that has passed when each begins
/// (measured: 55 s with a near mirror) and words for people.
const STEPS: [(&str, u8, &str); 8] = [
    ("running apt-get update", 1, "reading the package lists"),
    ("downloading packages", 6, "downloading the base system"),
    ("extracting archives", 18, "unpacking the base system"),
    ("installing essential packages", 24, "setting up the base system"),
    ("installing remaining packages", 34, "downloading and setting up Podman, Docker, sshd"),
    ("apt-get install -y -t", 84, "adding CRIU"),
    ("cleaning package lists", 94, "tidying up"),
    ("success in", 97, "done"),
];

/// Reads one line of mmdebstrap's messages.
pub(super) fn build_step(line: &str) -> Option<Progress> {
    let message = line.strip_prefix("I: ")?;
    let (_, percent, step) = STEPS.iter().find(|(words, _, _)| message.contains(words))?;
    Some(Progress::Build { percent: *percent, step: (*step).into() })
}

/// Picks the error lines of a build's output: the first two that begin with `E:`, for what follows is only
/// their consequence; or else its last line.
pub(super) fn build_errors(lines: &[String]) -> String {
    let errors: Vec<&str> =
        lines.iter().map(|line| line.trim()).filter(|line| line.starts_with("E:")).collect();
    if errors.is_empty() {
        return lines
            .iter()
            .rev()
            .find(|line| !line.trim().is_empty())
            .map_or_else(|| "it ended without a word".into(), |line| crate::fleet::printable(line.trim()));
    }
    errors.iter().take(2).map(|line| crate::fleet::printable(line)).collect::<Vec<_>>().join(" / ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builder_s_lines_become_steps_in_rising_order() {
        let lines = [
            "I: chroot architecture amd64 is equal to the host's architecture",
            "I: running apt-get update...",
            "I: downloading packages with apt...",
            "I: extracting archives...",
            "I: installing essential packages...",
            "I: installing remaining packages inside the chroot...",
            "Setting up criu (4.2.1-1) ...",
            r#"I: running --customize-hook in shell: sh -c 'chroot "$1" apt-get install -y -t "$X" criu' exec /x"#,
            "I: cleaning package lists and apt cache...",
            "I: success in 55.1902 seconds",
        ];
        let percents: Vec<u8> = lines
            .iter()
            .filter_map(|line| build_step(line))
            .map(|progress| match progress {
                Progress::Build { percent, .. } => percent,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(percents, [1, 6, 18, 24, 34, 84, 94, 97]);
    }

    #[test]
    fn errors_are_the_builder_s_own() {
        let lines: Vec<String> =
            ["I: running", "E: one", "W: x", "E: two\u{1b}[2J", "E: three", ""].map(String::from).to_vec();
        assert_eq!(build_errors(&lines), "E: one / E: two\u{fffd}[2J");
        assert_eq!(
            build_errors(&["sh: mmdebstrap: not found".into(), String::new()]),
            "sh: mmdebstrap: not found"
        );
        assert_eq!(build_errors(&[]), "it ended without a word");
    }
}

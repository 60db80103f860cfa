//! Remote commands as argument lists, quoted for a POSIX shell in this one place.

use std::fmt;

/// A program and its arguments, to be run by the login shell of a host.
///
/// Arguments are kept apart until the last moment and then quoted, so that no name, path or image
/// reference can ever be read as shell syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    words: Vec<String>,
}

impl Command {
    /// A command without arguments.
    pub fn new(program: impl Into<String>) -> Self {
        Self { words: vec![program.into()] }
    }

    /// A POSIX shell script with positional parameters: `$1`, `$2`, … are `arguments`. The script's text is
    /// ours; whatever comes from outside goes into `arguments`.
    pub fn script<I, S>(script: &str, arguments: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Self::new("sh").argument("-c").argument(script).argument("drover").arguments(arguments)
    }

    /// Adds one argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.words.push(argument.into());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn arguments<I, S>(mut self, arguments: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.words.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// The same command run as root through `sudo -n`.
    #[must_use]
    pub fn with_sudo(mut self) -> Self {
        let mut words = vec!["sudo".to_string(), "-n".to_string(), "--".to_string()];
        words.append(&mut self.words);
        Self { words }
    }

    /// Program and arguments.
    pub fn words(&self) -> &[String] {
        &self.words
    }
}

/// The command line for a POSIX shell. NUL cannot be in an argument of any program and is left out.
impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" ")?;
            }
            quote(word, formatter)?;
        }
        Ok(())
    }
}

/// Writes one word so that a POSIX shell reads it back unchanged.
fn quote(word: &str, out: &mut impl fmt::Write) -> fmt::Result {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | ',' | '@' | '+');
    if !word.is_empty() && word.chars().all(plain) {
        return out.write_str(word);
    }
    out.write_char('\'')?;
    for c in word.chars() {
        match c {
            '\'' => out.write_str("'\\''")?,
            '\0' => {}
            _ => out.write_char(c)?,
        }
    }
    out.write_char('\'')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_words_stay_plain() {
        let command = Command::new("podman").arguments(["ps", "--format", "{{.Names}}"]);
        assert_eq!(command.to_string(), "podman ps --format '{{.Names}}'");
    }

    #[test]
    fn a_script_gets_its_arguments_as_parameters() {
        let command = Command::script("echo \"$1\"", ["it's $(here)"]);
        assert_eq!(command.to_string(), "sh -c 'echo \"$1\"' drover 'it'\\''s $(here)'");
    }

    /// The shells that answer to login on hosts: Debian's sh, Fedora's sh, and busybox'. Those that this
    /// machine lacks are passed over; `sh` is always there.
    fn shells() -> Vec<&'static str> {
        let there = |shell: &&str| {
            std::process::Command::new(shell).args(["-c", ":"]).output().is_ok_and(|out| out.status.success())
        };
        ["sh", "dash", "bash", "ksh", "zsh"].into_iter().filter(there).collect()
    }

    /// What a shell makes of the words of a command.
    fn read_back(shell: &str, words: &[String]) -> Vec<Vec<u8>> {
        let command = Command::new("printf").argument("%s\\0").arguments(words.to_vec());
        let output = std::process::Command::new(shell).arg("-c").arg(command.to_string()).output().unwrap();
        let mut read: Vec<Vec<u8>> = output.stdout.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        assert_eq!(read.pop(), Some(Vec::new()), "{}", String::from_utf8_lossy(&output.stderr));
        read
    }

    #[test]
    fn every_byte_survives_every_shell_alone_doubled_and_between_others() {
        let mut words: Vec<String> = Vec::new();
        for byte in 1..=0x7f_u8 {
            let c = char::from(byte);
            words.extend([
                format!("{c}"),
                format!("{c}{c}"),
                format!("a{c}b"),
                format!("'{c}\\"),
                format!("-{c}"),
            ]);
        }
        words.extend(
            ["", "é", "日本語", "🦀", "\u{85}\u{a0}\u{2028}", "~root", "a=b", "{1,2}", "!!", "*", "%s\\n"]
                .map(String::from),
        );
        let expected: Vec<Vec<u8>> = words.iter().map(|word| word.clone().into_bytes()).collect();
        let shells = shells();
        assert!(shells.contains(&"sh"));
        for shell in shells {
            assert_eq!(read_back(shell, &words), expected, "{shell}");
        }
    }

    #[test]
    fn a_program_that_looks_like_syntax_is_still_a_program() {
        for program in ["A=1", "!", "{", "~", "#", "[["] {
            let line = Command::new(program).to_string();
            assert_eq!(line, format!("'{program}'"));
        }
    }

    #[test]
    fn sudo_comes_first_and_takes_no_options_from_the_command() {
        let command = Command::new("-u").argument("x y").with_sudo();
        assert_eq!(command.to_string(), "sudo -n -- -u 'x y'");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// The only judge of quoting is a real shell.
        #[test]
        fn real_shells_read_every_word_back(words in proptest::collection::vec("[^\0]{0,40}", 1..6)) {
            let expected: Vec<Vec<u8>> = words.iter().map(|word| word.clone().into_bytes()).collect();
            for shell in ["dash", "bash"].into_iter().filter(|shell| shells().contains(shell)) {
                prop_assert_eq!(read_back(shell, &words), expected.clone());
            }
        }

        /// A script sees outside text as parameters only, also through a second shell.
        #[test]
        fn a_script_never_reads_its_arguments_as_code(argument in "[^\0]{0,40}") {
            let command = Command::script("printf %s \"$1\"", [argument.clone()]);
            let output = std::process::Command::new("sh").arg("-c").arg(command.to_string()).output().unwrap();
            prop_assert_eq!(output.stdout, argument.into_bytes());
        }
    }
}

//! The registry says of each key what it does, once.

use super::*;

/// Facts that cannot hold together.
const APART: &[(Fact, Fact)] = &[
    (Fact::Moving, Fact::Moved),
    (Fact::OnHosts, Fact::OnContainer),
    (Fact::OnHosts, Fact::OnContainers),
    (Fact::TimeRuns, Fact::TimeStands),
];

#[test]
fn no_key_means_two_things_at_once() {
    for layer in Layer::ALL {
        for facts in 0..1 << (Fact::TimeStands as u16 + 1) {
            let context = Context { layer, facts };
            if APART.iter().any(|(one, other)| context.holds(*one) && context.holds(*other)) {
                continue;
            }
            let mut taken = std::collections::HashMap::new();
            for action in ACTIONS.iter().filter(|action| action.is_offered(context)) {
                for key in action.keys {
                    let before = taken.insert(*key, action.what);
                    assert!(before.is_none(), "{key} in {context:?}: {before:?} and {:?}", action.what);
                }
            }
        }
    }
}

#[test]
fn the_help_has_every_action_once() {
    let lines = help_lines(Scope::Everything);
    let shown = lines.iter().filter(|line| matches!(line, HelpLine::Action { .. })).count();
    assert_eq!(shown, ACTIONS.len());
    for action in ACTIONS {
        let found = lines.iter().any(|line| {
            matches!(line, HelpLine::Action { keys, help }
                if *help == action.help && action.keys.iter().all(|key| keys.contains(&key.to_string())))
        });
        assert!(found, "{action:?}");
    }
}

#[test]
fn what_only_a_simulated_fleet_allows_is_hidden_elsewhere() {
    let explained = |scope| {
        let lines = help_lines(scope);
        lines
            .iter()
            .filter(|line| matches!(line, HelpLine::Action { help, .. } if help.contains("simulated")))
            .count()
    };
    assert_eq!((explained(Scope::RealFleet), explained(Scope::Everything)), (0, 4));
    let all_but_simulation = (1 << Fact::Simulated as u16) - 1;
    for layer in Layer::ALL {
        for key in [Char('p'), Char('+'), Char('='), Char('-')] {
            assert!(find(key, Context { layer, facts: all_but_simulation }).is_none(), "{key} {layer:?}");
        }
    }
}

#[test]
fn escape_never_quits_and_is_never_without_effect() {
    for layer in Layer::ALL {
        let action = find(Key::Esc, Context { layer, facts: 0 }).unwrap();
        assert_ne!(action.what, Do::Quit, "{layer:?}");
    }
}

#[test]
fn every_action_has_a_key_and_a_help_text() {
    for action in ACTIONS {
        // What fits beside the keys on 80 columns.
        assert!(action.help.len() <= 46, "{}", action.help);
        assert!(
            !action.keys.is_empty() && !action.help.is_empty() && !action.layers.is_empty(),
            "{action:?}"
        );
    }
}

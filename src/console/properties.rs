//! Any state can be drawn, and what is said not to change the screen does not.

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::look::{Glyphs, Look};
use super::screen::draw;
use super::screens::{look, text};
use super::theme::ColourDepth;
use crate::session::properties::steps;
use crate::session::sample_fleet::Session;
use crate::session::{ACTIONS, Change, State};

fn drawn(state: &State, look: &Look) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, state.columns, state.rows));
    draw(state, look, &mut buffer);
    buffer
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_no_visible_change_draws_the_same_screen(steps in steps()) {
        let look = look(ColourDepth::True, Glyphs::Unicode);
        let mut session = Session::new(80, 24);
        let mut before = drawn(&session.state, &look);
        for (pause, what) in steps {
            session.at_ms += pause;
            let change = session.happen(what.clone());
            let after = drawn(&session.state, &look);
            if change == Change::None {
                prop_assert!(before == after, "{what:?} changed\n{}\ninto\n{}", text(&before), text(&after));
            }
            prop_assert!(!after.content.iter().any(|cell| cell.symbol().chars().any(char::is_control)));
            before = after;
        }
    }
}

#[test]
fn the_footer_shows_only_what_the_registry_offers() {
    let look = look(ColourDepth::True, Glyphs::Unicode);
    for keys in ["", "l", "/", "?", "l m", "<tab> <tab>"] {
        let mut session = Session::new(200, 60);
        session.happen_all(crate::session::sample_fleet::fleet()).keys(keys);
        let buffer = drawn(&session.state, &look);
        let footer: String = (0..200).map(|x| buffer[(x, 59)].symbol().to_string()).collect();
        let context = session.state.context();
        for action in ACTIONS.iter().filter(|action| !action.label.is_empty()) {
            let cap = format!(" {} {} ", action.keys[0], action.label);
            assert_eq!(footer.contains(&cap), action.is_offered(context), "{keys:?}: {cap:?} in {footer:?}");
        }
    }
}

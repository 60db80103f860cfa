//! The screen for terminals without Unicode: every cell that is not ASCII becomes something that is.
//!
//! It works on the finished screen, so that no view can forget it.

use ratatui::buffer::Buffer;

/// Replaces what such a terminal cannot show.
pub(crate) fn reduce(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            let plain = plain(cell.symbol());
            cell.set_char(plain);
        }
    }
}

fn plain(symbol: &str) -> char {
    match symbol.chars().next().unwrap_or(' ') {
        '━' => '=',
        '─' | '╸' | '–' | '—' | '‐' | '−' => '-',
        '│' | '┃' | '║' => '|',
        '╭' | '╮' | '╰' | '╯' | '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' | '┏' | '┓' | '┗'
        | '┛' => '+',
        '▁' => '_',
        '▂' => '.',
        '▃' => '-',
        '▄' => '=',
        '▅' => '+',
        '▆' => '*',
        '▇' => '%',
        '█' | '▉' | '▊' | '▋' | '▌' => '#',
        '▍' | '▎' | '▏' => '|',
        '░' | '·' => '.',
        '●' | '•' => '*',
        '○' | '◌' => 'o',
        '■' => '#',
        '▸' | '→' | '⇢' | '›' => '>',
        '◂' | '←' | '‹' => '<',
        '↻' => '~',
        '✓' => '+',
        '✗' | '×' => 'x',
        '↑' => '^',
        '↓' => 'v',
        '‖' => '"',
        '…' => '~',
        '“' | '”' | '„' => '"',
        '‘' | '’' => '\'',
        '\u{a0}' => ' ',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn nothing_but_ascii_is_left_and_nothing_moves() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
        buffer.set_string(0, 0, "│● 日本→x█…", Style::new());
        reduce(&mut buffer);
        let text: String = buffer.content.iter().map(|cell| cell.symbol()).collect();
        assert_eq!(text, "|* ? ? >x#~ ");
    }
}

//! Tables, and JSON with Podman's three ways to indent it.

use serde::Serialize;
use serde_json::Value;

/// JSON over several lines, with so many blanks for each step.
pub(super) fn indented(value: &Value, blanks: usize) -> String {
    let indent = " ".repeat(blanks);
    let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
    let mut bytes = Vec::new();
    // Into memory everything goes.
    let _ = value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter));
    String::from_utf8_lossy(&bytes).into_owned() + "\n"
}

/// Lines whose columns stand beneath one another, two blanks apart, as Go's tabwriter sets them.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let mut widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        })
        .collect();
    for width in &mut widths {
        // Its cells are at least ten wide without the distance.
        *width = (*width).max(10);
    }
    let mut text = String::new();
    for row in rows {
        for (column, cell) in row.iter().enumerate() {
            text.push_str(cell);
            if column + 1 < row.len() {
                let width = widths.get(column).copied().unwrap_or_default();
                text.push_str(&" ".repeat(width + 2 - cell.chars().count()));
            }
        }
        text.push('\n');
    }
    text
}

/// Bytes with a decimal unit, four digits: `2.05 MB`.
pub(super) fn size(bytes: u64, gap: &str) -> String {
    let mut value = bytes as f64;
    let mut units = ["B", "kB", "MB", "GB", "TB", "PB"].iter();
    let mut unit = units.next().copied().unwrap_or_default();
    while value >= 1000.0 {
        let Some(next) = units.next() else { break };
        value /= 1000.0;
        unit = next;
    }
    // Go's %.4g, and %.3g with a blank.
    let digits: usize = if gap.is_empty() { 4 } else { 3 };
    let whole = value.trunc().to_string().len();
    let mut text = format!("{value:.*}", digits.saturating_sub(whole));
    if text.contains('.') {
        text = text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    format!("{text}{gap}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_sizes_look_like_podman_s() {
        let rows = [["DRIVER", "VOLUME NAME"], ["local", "v1"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "DRIVER      VOLUME NAME\nlocal       v1\n");
        assert_eq!(
            [size(2_049_171, " "), size(22_324_530, " "), size(110_600, "")],
            ["2.05 MB", "22.3 MB", "110.6kB"]
        );
        assert_eq!(
            indented(&serde_json::json!({ "b": [1], "a": {} }), 5),
            "{\n     \"b\": [\n          1\n     ],\n     \"a\": {}\n}\n"
        );
    }
}

//! Aligned columns for people: no borders, no colour, so that grep and awk can read them, too.

use unicode_width::UnicodeWidthStr;

/// Lines of a table whose columns are as wide as their widest cell. The last column is not padded.
pub fn lines(head: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.width()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let line = |cells: Vec<&str>| {
        let mut line = String::new();
        for (index, cell) in cells.iter().enumerate() {
            line.push_str(cell);
            if index + 1 < cells.len() {
                let padding = widths.get(index).map_or(0, |width| width.saturating_sub(cell.width()));
                line.push_str(&" ".repeat(padding + 2));
            }
        }
        line
    };
    let mut lines = vec![line(head.to_vec())];
    lines.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    lines
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn columns_line_up() {
        let rows = vec![vec!["h1".into(), "live".into()], vec!["long-name".into(), "–".into()]];
        assert_eq!(lines(&["HOST", "STATE"], &rows), ["HOST       STATE", "h1         live", "long-name  –"]);
    }
}

//! The text parser compared with the `csv` crate: well-formed tables have the same cells in both, wherever the blocks
//! of the reader end.

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use csv::{QuoteStyle, ReaderBuilder, Terminator, WriterBuilder};
use encoding_rs::WINDOWS_1252;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::bytes::LineEnd;
use super::cells::ReadAs;
use super::records::{BLANK, parse_block};
use super::rule::Rule;

type Table = Vec<Vec<String>>;

/// Texts made of these pieces.
fn bits(bits: &'static [&'static str]) -> impl Strategy<Value = String> {
    vec(select(bits), 0..6).prop_map(|bits| bits.concat())
}

/// Cells of several lines hold no delimiter. Otherwise their lines could look like records, which the rule splits on
/// purpose.
fn cell() -> impl Strategy<Value = String> {
    let one_line = bits(&["a", "é", "5", "1.5", " ", ",", "\"", ";", "x y", "longer than twelve bytes"]);
    let lines = bits(&["a", "é", "5", " ", "\"", "\n", "\r\n", "\r", "longer than twelve bytes"]);
    prop_oneof![8 => one_line, 1 => lines]
}

fn table() -> impl Strategy<Value = Table> {
    (2..5usize).prop_flat_map(|columns| vec(vec(cell(), columns), 1..40))
}

fn written(table: &Table, quotes: QuoteStyle, end: Terminator) -> Vec<u8> {
    let mut writer = WriterBuilder::new().quote_style(quotes).terminator(end).from_writer(Vec::new());
    table.iter().for_each(|row| writer.write_record(row).unwrap());
    writer.into_inner().unwrap()
}

fn by_csv(text: &[u8]) -> Table {
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(text);
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// Blocks of about this size, as the reader of files makes them.
fn blocks<'a>(text: &'a [u8], rule: &Rule, size: usize) -> Vec<&'a [u8]> {
    let (mut rest, mut wanted, mut blocks) = (text, size, Vec::new());
    while wanted < rest.len() {
        match rule.last_end(&rest[..wanted], false) {
            Some(cut) => {
                blocks.push(&rest[..cut]);
                (rest, wanted) = (&rest[cut..], size);
            }
            None => wanted *= 2,
        }
    }
    blocks.push(rest);
    blocks
}

fn by_us(text: &[u8], columns: usize, size: usize) -> Table {
    let rule = Rule::new(b',', LineEnd::Newline, columns);
    let mut table = Table::new();
    for block in blocks(text, &rule, size) {
        let parsed = parse_block(block, &vec![ReadAs::Text; columns], &rule).finish(WINDOWS_1252).unwrap();
        assert!(parsed.repairs.is_empty() && parsed.faults.iter().all(|f| f.reason == BLANK));
        let start = table.len();
        table.resize(start + parsed.rows, Vec::new());
        for array in parsed.arrays.into_iter().flatten() {
            let texts = cast(&array, &DataType::Utf8).unwrap();
            let texts = texts.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned());
            table[start..].iter_mut().zip(texts).for_each(|(row, text)| row.push(text));
        }
    }
    table
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn cells_are_those_of_the_csv_crate(table in table(), windows in any::<bool>()) {
        let end = if windows { Terminator::CRLF } else { Terminator::Any(b'\n') };
        for quotes in [QuoteStyle::Necessary, QuoteStyle::Always] {
            let text = written(&table, quotes, end);
            let expected = by_csv(&text);
            prop_assert_eq!(&expected, &table);
            for size in [1, 7, 64, 200, usize::MAX] {
                prop_assert_eq!(&by_us(&text, table[0].len(), size), &expected, "{:?} in blocks of {}", quotes, size);
            }
        }
    }

    #[test]
    fn lines_without_quotes_are_those_of_the_csv_crate(table in vec(vec("[a-zé0-9 .;-]{0,20}", 3), 1..60)) {
        let text = table.iter().map(|row| row.join(",")).collect::<Vec<_>>().join("\n");
        let expected = by_csv(text.as_bytes());
        prop_assert_eq!(by_us(text.as_bytes(), 3, 100), expected);
    }
}

#[test]
fn lines_that_look_like_records_are_split_where_the_csv_crate_joins_them() {
    let text = b"1,\"5 inch,2\n1,pipe 6\",3\n";
    assert_eq!(by_csv(text), [["1", "5 inch,2\n1,pipe 6", "3"]]);
    let rule = Rule::new(b',', LineEnd::Newline, 3);
    let parsed = parse_block(text, &[ReadAs::Text; 3], &rule).finish(WINDOWS_1252).unwrap();
    assert_eq!((parsed.rows, parsed.repairs.len()), (2, 1));
}

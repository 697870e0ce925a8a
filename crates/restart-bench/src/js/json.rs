//! `JSON.stringify(value, null, 2)`.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter};

/// Writes `value` as JavaScript does with an indent of two: keys in the order of the fields,
/// numbers in the digits of JavaScript. Nothing stands behind the last brace.
pub(crate) fn write(value: &impl Serialize, out: &mut dyn io::Write) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(out, Js(PrettyFormatter::new()));
    value.serialize(&mut serializer).map_err(Into::into)
}

/// The layout of serde's, with other numbers.
struct Js(PrettyFormatter<'static>);

type Out<'o, W> = &'o mut W;

impl Formatter for Js {
    fn write_f64<W: ?Sized + io::Write>(&mut self, out: Out<'_, W>, value: f64) -> io::Result<()> {
        out.write_all(super::number(value).as_bytes())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, out: Out<'_, W>) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, out: Out<'_, W>) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        out: Out<'_, W>,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, out: Out<'_, W>) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, out: Out<'_, W>) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, out: Out<'_, W>) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        out: Out<'_, W>,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: Out<'_, W>) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, out: Out<'_, W>) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

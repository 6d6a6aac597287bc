//! A copy of a PostgreSQL database in one file, and back: every table of our schema as one snapshot holds it, by `COPY`
//! in its binary form, which does not hang on the server's version or machine.
//!
//! The file: a line with magic and version; a header (JSON: migrations, tables with their columns); for each table its
//! `COPY` stream in pieces; a footer (JSON: where sequences stand). Header, footer and each piece follow their length,
//! four bytes big-endian; a piece of length 0 ends a table.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{
    DbError, Migration, Row, Tx, Value, migrate, params, postgres::PgConnection, tx::Inner,
};

const MAGIC: &[u8] = b"TRIMTAB-PGCOPY 1\n";
/// What every version of the format begins with.
const NAME: &[u8] = b"TRIMTAB-PGCOPY ";
/// The longest header, footer or piece that is read.
const LONGEST: u32 = 64 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// (service, number) of each migration that the tables have had.
    migrations: Vec<(String, i64)>,
    tables: Vec<Table>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Table {
    name: String,
    columns: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Footer {
    sequences: Vec<Sequence>,
}

/// Where the numbers of a column stand.
#[derive(Debug, Serialize, Deserialize)]
struct Sequence {
    table: String,
    column: String,
    last: i64,
    is_called: bool,
}

fn file(doing: &'static str) -> impl Fn(io::Error) -> DbError {
    move |source| DbError::File { doing, source }
}

fn bad(message: impl Into<String>) -> DbError {
    DbError::Dump {
        message: message.into(),
    }
}

/// A name in a statement; names come from the catalogue only.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    fn columns(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|name| quoted(name)).collect();
        columns.join(", ")
    }
}

fn connection<'c>(tx: &Tx<'c>) -> Result<&'c PgConnection, DbError> {
    match tx.inner {
        Inner::Postgres(connection) => Ok(connection),
        Inner::Sqlite(_) => Err(bad("it is for PostgreSQL")),
    }
}

/// Tables of the schema with their columns, by name.
fn tables(tx: &mut Tx<'_>) -> Result<Vec<Table>, DbError> {
    let rows = tx.query(
        "SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE n.nspname = current_schema() AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum",
        params![],
    )?;
    let mut tables: Vec<Table> = Vec::new();
    for row in &rows {
        let (name, column): (String, String) = (row.get(0)?, row.get(1)?);
        match tables.last_mut().filter(|table| table.name == name) {
            Some(table) => table.columns.push(column),
            None => tables.push(Table {
                name,
                columns: vec![column],
            }),
        }
    }
    Ok(tables)
}

fn sequences(tx: &mut Tx<'_>, tables: &[Table]) -> Result<Vec<Sequence>, DbError> {
    let rows = tx.query(
        "SELECT c.relname::text, a.attname::text, pg_get_serial_sequence(quote_ident(c.relname), a.attname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE n.nspname = current_schema() AND c.relkind = 'r' AND a.attidentity <> '' ORDER BY c.relname, a.attnum",
        params![],
    )?;
    let mut found = Vec::new();
    for row in &rows {
        let (table, column, name): (String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        // One that was made since the snapshot belongs to no table in it.
        if !tables.iter().any(|known| known.name == table) {
            continue;
        }
        // The name is quoted by PostgreSQL itself.
        let state = tx.query_one(
            &format!("SELECT last_value, is_called FROM {name}"),
            params![],
        )?;
        found.push(Sequence {
            table,
            column,
            last: state.get(0)?,
            is_called: state.get(1)?,
        });
    }
    Ok(found)
}

struct Writer(BufWriter<File>);

impl Writer {
    fn piece(&mut self, bytes: &[u8]) -> Result<(), DbError> {
        let length = u32::try_from(bytes.len())
            .ok()
            .filter(|length| *length <= LONGEST)
            .ok_or_else(|| bad(format!("a piece of {} bytes is too long", bytes.len())))?;
        self.0
            .write_all(&length.to_be_bytes())
            .and_then(|()| self.0.write_all(bytes))
            .map_err(file("write the copy of the database"))
    }

    fn json(&mut self, value: &impl Serialize) -> Result<(), DbError> {
        let text = serde_json::to_vec(value).map_err(|error| bad(error.to_string()))?;
        self.piece(&text)
    }
}

/// Writes the file within a read transaction, and answers a query of the same snapshot.
pub(crate) fn write(
    tx: &mut Tx<'_>,
    to: &Path,
    listing: &str,
    params: &[Value],
) -> Result<Vec<Row>, DbError> {
    let connection = connection(tx)?;
    let rows = tx.query(listing, params)?;
    let made = File::create(to).map_err(file("make the copy of the database"))?;
    let mut out = Writer(BufWriter::with_capacity(1 << 20, made));
    out.0
        .write_all(MAGIC)
        .map_err(file("write the copy of the database"))?;
    let header = Header {
        migrations: migrate::applied(tx)?,
        tables: tables(tx)?,
    };
    out.json(&header)?;
    for table in &header.tables {
        let sql = format!(
            "COPY {} ({}) TO STDOUT (FORMAT binary)",
            quoted(&table.name),
            table.columns()
        );
        connection.copy_out(&sql, &mut |bytes| {
            bytes
                .chunks(LONGEST as usize)
                .try_for_each(|piece| out.piece(piece))
        })?;
        out.piece(&[])?;
    }
    // Read last: a sequence is never behind the rows that are in the copy.
    let footer = Footer {
        sequences: sequences(tx, &header.tables)?,
    };
    out.json(&footer)?;
    out.0
        .into_inner()
        .map_err(io::IntoInnerError::into_error)
        .and_then(|made| made.sync_all())
        .map_err(file("write the copy of the database"))?;
    Ok(rows)
}

struct Reader(BufReader<File>);

impl Reader {
    fn piece(&mut self) -> Result<Vec<u8>, DbError> {
        let cut = file("read the copy of the database");
        let mut length = [0; 4];
        self.0.read_exact(&mut length).map_err(&cut)?;
        let length = u32::from_be_bytes(length);
        if length > LONGEST {
            return Err(bad(format!("a piece of it is {length} bytes long")));
        }
        let mut bytes = vec![0; length as usize];
        self.0.read_exact(&mut bytes).map_err(&cut)?;
        Ok(bytes)
    }

    fn json<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, DbError> {
        serde_json::from_slice(&self.piece()?).map_err(|error| bad(error.to_string()))
    }
}

/// Reads a file into an empty schema, within a write transaction: first the tables as they were, then their rows.
pub(crate) fn read(tx: &mut Tx<'_>, from: &Path, services: &[&[Migration]]) -> Result<(), DbError> {
    let connection = connection(tx)?;
    let opened = File::open(from).map_err(file("open the copy of the database"))?;
    let mut input = Reader(BufReader::with_capacity(1 << 20, opened));
    let mut magic = [0; MAGIC.len()];
    input
        .0
        .read_exact(&mut magic)
        .map_err(file("read the copy of the database"))?;
    if magic != MAGIC {
        return Err(bad(if magic.starts_with(NAME) {
            "a newer Trimtab wrote it"
        } else {
            "it is no copy of a PostgreSQL database"
        }));
    }
    if !tables(tx)?.is_empty() {
        return Err(DbError::NotEmpty);
    }
    let header: Header = input.json()?;
    migrate::run_those(tx, services, &header.migrations)?;
    let made: BTreeMap<String, Vec<String>> = tables(tx)?
        .into_iter()
        .map(|table| (table.name, table.columns))
        .collect();
    // Migrations fill some tables; the copy has those rows too.
    let names: Vec<String> = made.keys().map(|name| quoted(name)).collect();
    connection.batch(&format!("TRUNCATE {}", names.join(", ")))?;
    for table in &header.tables {
        let known = made.get(&table.name);
        if known.is_none_or(|known| table.columns.iter().any(|name| !known.contains(name))) {
            return Err(bad(format!(
                "it has the table `{}`, which this program does not make so",
                table.name
            )));
        }
        let sql = format!(
            "COPY {} ({}) FROM STDIN (FORMAT binary)",
            quoted(&table.name),
            table.columns()
        );
        connection.copy_in(&sql, &mut || {
            let piece = input.piece()?;
            Ok((!piece.is_empty()).then_some(piece))
        })?;
    }
    let footer: Footer = input.json()?;
    for sequence in &footer.sequences {
        tx.query(
            "SELECT setval(pg_get_serial_sequence(quote_ident(?1), ?2), ?3, ?4)",
            params![
                &sequence.table,
                &sequence.column,
                sequence.last,
                sequence.is_called
            ],
        )?;
    }
    // Numbers of transactions are those of another server: whatever is in the copy was committed there.
    tx.execute("UPDATE outbox SET xid = 0", params![])?;
    connection.batch("ANALYZE")
}

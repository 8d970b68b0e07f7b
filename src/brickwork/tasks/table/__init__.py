"""Tables of numbers and categories: classes or numbers from the rows of a source."""

from brickwork.tasks.table.task import load_numbers, load_table, table_inputs

__all__ = ["load_numbers", "load_table", "table_inputs"]

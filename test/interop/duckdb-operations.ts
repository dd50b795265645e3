import assert from 'node:assert/strict'
import { parseIdentifier } from '../../src/table-identifier.ts'
import { schemaOf } from '../support/table-lab.ts'
import {
  A,
  ADDED,
  assertColumns,
  assertReadsAllTables,
  assertRows,
  assertTakenBack,
  assertTakenUp,
  assertTyped,
  B,
  C,
  createBelowUmlauts,
  FILTERS,
  inOneTransaction,
  metadataOf,
  partitioningOf,
  snapshotsOf,
  TYPED,
  totalOf,
} from './operation-checks.ts'
import { type Lab, lacks, type Operations, refuses, works } from './operations.ts'

const COLUMNS = 'id INTEGER, name VARCHAR, "at" TIMESTAMP'
const ROWS = "(1, 'a', '2026-01-01'), (2, 'b', '2026-02-01'), (3, NULL, NULL)"

/** A partitioned table with the rows A, B and C, then these statements; the rows of the last one. */
async function filled({ engine, its }: Lab, ...statements: readonly string[]): Promise<unknown> {
  const results = await engine.run(
    `CREATE TABLE ${its} (${COLUMNS}) PARTITIONED BY (month("at"), bucket(4, id))`,
    `INSERT INTO ${its} VALUES ${ROWS}`,
    ...statements,
  )
  return results.at(-1)
}

/** A function of another engine's procedures that this one does not know. */
function lacksFunction(name: string): Operations['rewrites manifests'] {
  return lacks(new RegExp(`Table Function with name ${name} does not exist`), async lab => {
    await filled(lab, `CALL ${name}('${lab.its}')`)
  })
}

/** What DuckDB's iceberg extension makes of each operation; its statements are SQL. */
export const DUCKDB_OPERATIONS: Operations = {
  'reads bronze, silver, gold, quarantine and system tables': works(assertReadsAllTables),
  'filters by partitions, texts, times, decimals and nulls': works(async ({ engine, rows }) => {
    for (const where of FILTERS) {
      const [[[found]]] = (await engine.run(
        `SELECT count(*)::INTEGER FROM ${engine.nameOf('silver.readings')} WHERE ${where}`,
      )) as [[[number]]]
      assert.deepEqual(
        await rows(`SELECT count(*)::INTEGER FROM silver.readings WHERE ${where}`),
        [[found]],
        where,
      )
    }
  }),
  'reads a snapshot by its id': works(async lab => {
    await filled(lab, `DELETE FROM ${lab.its} WHERE id = 2`)
    const [first] = await snapshotsOf(lab)
    const select = `SELECT count(*)::INTEGER FROM ${lab.its} AT (VERSION => ${first?.id})`
    assert.deepEqual(await lab.engine.run(select), [[[3]]])
    await assertRows(lab, [A, B, C], first?.id)
  }),
  'reads a table as of a time': works(async lab => {
    await filled(lab, `DELETE FROM ${lab.its} WHERE id = 2`)
    const [first] = await snapshotsOf(lab)
    const time = `make_timestamp(${(first?.timeMs ?? 0) * 1000})`
    assert.deepEqual(
      await lab.engine.run(`SELECT count(*)::INTEGER FROM ${lab.its} AT (TIMESTAMP => ${time})`),
      [[[3]]],
    )
  }),
  'lists snapshots and files': works(async lab => {
    await filled(lab)
    const counts = ['iceberg_snapshots', 'iceberg_metadata'].map(
      name => `SELECT count(*)::INTEGER FROM ${name}('${lab.its}')`,
    )
    assert.deepEqual(await lab.engine.run(...counts), [[[1]], [[3]]])
  }),
  'appends to bronze, and a run takes the rows up': works(async lab => {
    const { vehicle, at, speed, odometer } = ADDED
    await lab.engine.run(
      `INSERT INTO ${lab.engine.nameOf('bronze.readings')} (vehicle, measured_at, speed_kmh, odometer_km, _ingested_at)
       VALUES ('${vehicle}', '${at}', ${speed}, ${odometer}, '2030-01-01 00:00:00+00')`,
    )
    await assertTakenUp(lab)
  }),
  'deletes in bronze, and a run takes the rows back': works(async lab => {
    await lab.engine.run(`DELETE FROM ${lab.engine.nameOf('bronze.readings')} WHERE vehicle = 'truck-1'`)
    await assertTakenBack(lab)
  }),
  'makes, lists and drops nested namespaces': works(async ({ engine, lake }) => {
    const listed = async (): Promise<readonly string[]> =>
      (await lake.catalog.listNamespaces())
        .map(levels => levels.join('.'))
        .filter(name => name.startsWith('outer'))
    await engine.run('CREATE SCHEMA lake."outer"', 'CREATE SCHEMA lake."outer.inner"')
    assert.deepEqual(await listed(), ['outer', 'outer.inner'])
    await engine.run('DROP SCHEMA lake."outer.inner"', 'DROP SCHEMA lake."outer"')
    assert.deepEqual(await listed(), [])
  }),
  'creates a partitioned table and appends to it': works(async lab => {
    await filled(lab)
    assert.deepEqual(await partitioningOf(lab), ['month', 'bucket[4]'])
    await assertRows(lab, [A, B, C])
  }),
  'creates a table with its rows, in one commit': works(async lab => {
    await inOneTransaction(lab, () =>
      lab.engine.run(`CREATE TABLE ${lab.its} AS SELECT 1 AS id, 'a' AS name`),
    )
    await assertRows(lab, [[1, 'a']])
  }),
  'replaces a table': refuses(/CREATE OR REPLACE not supported in DuckDB-Iceberg/, async lab => {
    await filled(lab, `CREATE OR REPLACE TABLE ${lab.its} AS SELECT 1 AS id`)
  }),
  'renames a table': works(async lab => {
    const [, name] = lab.table.split('.')
    await filled(lab, `ALTER TABLE ${lab.its} RENAME TO ${name}_renamed`)
    await assertRows({ ...lab, table: `${lab.table}_renamed` }, [A, B, C])
  }),
  'drops a table': works(async lab => {
    await filled(lab, `DROP TABLE ${lab.its}`)
    await assert.rejects(lab.lake.load(lab.table), { code: 'TABLE_NOT_FOUND' })
  }),
  'registers a table by its metadata file': lacksFunction('register_table'),
  'sets and removes table properties': works(async lab => {
    await filled(
      lab,
      `CALL set_iceberg_table_properties('${lab.its}', {'owner': 'duck', 'team': 'x'})`,
      `CALL remove_iceberg_table_properties('${lab.its}', ['team'])`,
    )
    const { properties } = await metadataOf(lab)
    assert.deepEqual([properties.owner, properties.team], ['duck', undefined])
  }),
  'writes columns of every type that it has': works(async lab => {
    const types = [
      ...['BOOLEAN', 'INTEGER', 'BIGINT', 'FLOAT', 'DOUBLE', 'DECIMAL(20, 4)', 'DATE', 'TIME', 'TIMESTAMP'],
      ...['TIMESTAMPTZ', 'VARCHAR', 'UUID', 'BLOB', 'INTEGER[]', 'MAP(VARCHAR, BIGINT)'],
      'STRUCT(x INTEGER, y VARCHAR)',
    ]
    const values = [
      ...['true', '-5', '4611686018427387904', '1.5', '0.1', '-1234567890123456.7891', "'1969-12-31'"],
      ...["'01:02:03.000004'", "'1969-12-31 23:59:59.999999'", "'2026-01-01 00:00:00+00'", "'snow ü 🚀'"],
      ...["'0f8fad5b-d9cb-469f-a165-70867728950e'", "'\\x00\\xFF'::BLOB", '[1, NULL]'],
      ...["MAP {'k': 1152921504606846976}", "{'x': 1, 'y': NULL}"],
    ]
    await lab.engine.run(
      `CREATE TABLE ${lab.its} (${types.map((type, index) => `c${index} ${type}`).join(', ')})`,
      `INSERT INTO ${lab.its} VALUES (${values.join(', ')}), (${values.map(() => 'NULL').join(', ')})`,
    )
    await assertTyped(lab, TYPED)
  }),
  'writes hostile names of tables and columns': works(async ({ engine, rows }) => {
    const name = `"it's ""quoted"", ünd 🚀"`
    await engine.run(
      `CREATE TABLE lake.lab.${name} (${name} INTEGER, "select" INTEGER)`,
      `INSERT INTO lake.lab.${name} VALUES (1, 2)`,
    )
    assert.deepEqual(await rows(`SELECT ${name}, "select" FROM lab.${name}`), [[1, 2]])
  }),
  'deletes rows where the path of the files is not ASCII': refuses(
    /All non-ascii characters must be escaped with hex codes/,
    async lab => {
      await createBelowUmlauts(lab)
      await lab.engine.run(`INSERT INTO ${lab.its} VALUES (1), (2)`)
      await assertRows(lab, [[1], [2]])
      await lab.engine.run(`DELETE FROM ${lab.its} WHERE id = 2`)
    },
  ),
  'overwrites rows by a filter': lacks(/syntax error at or near "REPLACE"/, async lab => {
    await filled(lab, `INSERT INTO ${lab.its} REPLACE WHERE id = 2 SELECT 2, 'new', NULL`)
  }),
  'overwrites the partitions of the new rows': lacks(/syntax error at or near "OVERWRITE"/, async lab => {
    await filled(lab, `INSERT OVERWRITE ${lab.its} SELECT 2, 'new', NULL`)
  }),
  'updates rows': works(async lab => {
    await filled(lab, `UPDATE ${lab.its} SET name = 'new' WHERE id = 1`)
    await assertRows(lab, [[1, 'new', A[2]], B, C])
  }),
  'deletes rows by rewriting files': refuses(
    /DuckDB-Iceberg only supports merge-on-read for updates\/deletes/,
    async lab => {
      await filled(
        lab,
        `CALL set_iceberg_table_properties('${lab.its}', {'write.delete.mode': 'copy-on-write'})`,
        `DELETE FROM ${lab.its} WHERE id = 2`,
      )
    },
  ),
  'deletes rows by position deletes (v2)': works(async lab => {
    await lab.engine.run(
      `CREATE TABLE ${lab.its} (${COLUMNS})`,
      `INSERT INTO ${lab.its} VALUES ${ROWS}`,
      `DELETE FROM ${lab.its} WHERE id = 2`,
    )
    assert.equal(await totalOf(lab, 'total-position-deletes'), '1')
    await assertRows(lab, [A, C])
  }),
  'deletes rows by deletion vectors (v3)': works(async lab => {
    await lab.engine.run(
      `CREATE TABLE ${lab.its} (${COLUMNS}) WITH ('format-version' = '3')`,
      `INSERT INTO ${lab.its} VALUES ${ROWS}`,
      `DELETE FROM ${lab.its} WHERE id = 2`,
    )
    assert.equal((await metadataOf(lab))['format-version'], 3)
    await assertRows(lab, [A, C])
  }),
  'merges rows by a key': works(async lab => {
    await filled(
      lab,
      `MERGE INTO ${lab.its} t USING (SELECT 1 AS id, 'merged' AS name UNION ALL SELECT 4, 'd') s ON t.id = s.id
       WHEN MATCHED THEN UPDATE SET name = s.name
       WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name)`,
    )
    await assertRows(lab, [[1, 'merged', A[2]], B, C, [4, 'd', null]])
  }),
  'commits several changes of a table at once': works(async lab => {
    await filled(lab)
    await inOneTransaction(lab, () =>
      lab.engine.run(
        'BEGIN',
        `INSERT INTO ${lab.its} VALUES (5, NULL, NULL)`,
        `DELETE FROM ${lab.its} WHERE id = 1`,
        `ALTER TABLE ${lab.its} ADD COLUMN more DOUBLE`,
        'COMMIT',
      ),
    )
    await assertRows(lab, [
      [...B, null],
      [...C, null],
      [5, null, null, null],
    ])
  }),
  'commits changes of several tables at once': works(async lab => {
    const other = { ...lab, table: `${lab.table}_other`, its: `${lab.its}_other` }
    await filled(lab)
    await filled(other)
    await inOneTransaction(lab, () =>
      lab.engine.run(
        'BEGIN',
        `DELETE FROM ${lab.its} WHERE id = 1`,
        `INSERT INTO ${other.its} SELECT 4, 'd', NULL`,
        'COMMIT',
      ),
    )
    await assertRows(lab, [B, C])
    await assertRows(other, [A, B, C, [4, 'd', null]])
  }),
  'adds, renames and drops columns': works(async lab => {
    await lab.engine.run(
      `CREATE TABLE ${lab.its} (${COLUMNS})`,
      `INSERT INTO ${lab.its} VALUES ${ROWS}`,
      `ALTER TABLE ${lab.its} ADD COLUMN more DOUBLE`,
      `ALTER TABLE ${lab.its} RENAME COLUMN name TO title`,
      `ALTER TABLE ${lab.its} DROP COLUMN "at"`,
      `INSERT INTO ${lab.its} VALUES (4, 'd', 0.5)`,
    )
    await assertColumns(lab, { id: 'int', title: 'string', more: 'double' })
    await assertRows(lab, [
      [1, 'a', null],
      [2, 'b', null],
      [3, null, null],
      [4, 'd', 0.5],
    ])
  }),
  'moves columns': lacks(/syntax error at or near "FIRST"/, async lab => {
    await filled(lab, `ALTER TABLE ${lab.its} ALTER COLUMN "at" FIRST`)
  }),
  'widens a column': works(async lab => {
    await filled(
      lab,
      `ALTER TABLE ${lab.its} ALTER COLUMN id TYPE BIGINT`,
      `INSERT INTO ${lab.its} VALUES (1099511627776, NULL, NULL)`,
    )
    await assertRows(lab, [
      ['1', ...A.slice(1)],
      ['2', ...B.slice(1)],
      ['3', null, null],
      [String(2 ** 40), null, null],
    ])
  }),
  'adds and renames fields of a struct': works(async lab => {
    await lab.engine.run(
      `CREATE TABLE ${lab.its} (id INTEGER, s STRUCT(x INTEGER))`,
      `INSERT INTO ${lab.its} VALUES (1, {'x': 7})`,
      `ALTER TABLE ${lab.its} ADD COLUMN s.y VARCHAR`,
      `ALTER TABLE ${lab.its} RENAME COLUMN s.x TO z`,
      `INSERT INTO ${lab.its} VALUES (2, {'z': 8, 'y': 'new'})`,
    )
    await assertRows(lab, [
      [1, { z: 7, y: null }],
      [2, { z: 8, y: 'new' }],
    ])
  }),
  'adds a column with a default (v3)': works(async lab => {
    await lab.engine.run(
      `CREATE TABLE ${lab.its} (${COLUMNS}) WITH ('format-version' = '3')`,
      `INSERT INTO ${lab.its} VALUES ${ROWS}`,
      `ALTER TABLE ${lab.its} ADD COLUMN more INTEGER DEFAULT 5`,
      `INSERT INTO ${lab.its} VALUES (4, 'd', NULL, 6)`,
    )
    await assertRows(lab, [
      [...A, 5],
      [...B, 5],
      [...C, 5],
      [4, 'd', null, 6],
    ])
  }),
  'changes the partition spec, and writes by it': works(async lab => {
    await filled(
      lab,
      `ALTER TABLE ${lab.its} SET PARTITIONED BY (month("at"), truncate(1, name))`,
      `INSERT INTO ${lab.its} VALUES (4, 'xyz', '2026-02-01')`,
    )
    assert.deepEqual(await partitioningOf(lab), ['month', 'truncate[1]'])
    await assertRows(lab, [A, B, C, [4, 'xyz', B[2]]])
  }),
  'sets the sort order': refuses(/Alter table type not supported: SET_SORTED_BY/, async lab => {
    await filled(lab, `ALTER TABLE ${lab.its} SET SORTED BY (id DESC NULLS LAST)`)
  }),
  'writes to a branch, and fast-forwards main to it': lacks(/syntax error at or near "CREATE"/, async lab => {
    await filled(lab, `ALTER TABLE ${lab.its} CREATE BRANCH audit`)
  }),
  'tags a snapshot, and reads it by the tag': lacks(/syntax error at or near "CREATE"/, async lab => {
    await filled(lab, `ALTER TABLE ${lab.its} CREATE TAG before`)
  }),
  'rolls back to a snapshot': lacksFunction('rollback_to_snapshot'),
  'cherry-picks a staged snapshot': lacksFunction('cherrypick_snapshot'),
  'rewrites data files': lacksFunction('rewrite_data_files'),
  'rewrites manifests': lacksFunction('rewrite_manifests'),
  'rewrites position deletes': lacksFunction('rewrite_position_delete_files'),
  'expires snapshots': lacksFunction('expire_snapshots'),
  'removes orphan files': lacksFunction('remove_orphan_files'),
  'takes in Parquet files that are there': lacksFunction('add_files'),
  'creates, lists and drops a view': refuses(
    /Not implemented Error: Create View/,
    async ({ engine, its }) => {
      await engine.run(`CREATE VIEW ${its} AS SELECT 1 AS id`)
    },
  ),
  'replaces a view': refuses(/Not implemented Error: Create View/, async ({ engine, its }) => {
    await engine.run(`CREATE OR REPLACE VIEW ${its} AS SELECT 1 AS id`)
  }),
  'reads rows through a view': lacks(
    /Table with name \S+ does not exist/,
    async ({ lake, engine, table, its }) => {
      await lake.catalog.createView({
        identifier: parseIdentifier(table),
        schema: schemaOf({ id: 'int' }),
        viewVersion: {
          ...{
            'version-id': 1,
            'schema-id': 0,
            'timestamp-ms': 1,
            summary: {},
            'default-namespace': ['lab'],
          },
          representations: [{ type: 'sql', sql: 'SELECT 1 AS id', dialect: 'duckdb' }],
        },
      })
      await engine.run(`SELECT * FROM ${its}`)
    },
  ),
}

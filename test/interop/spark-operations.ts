import assert from 'node:assert/strict'
import {
  A,
  ADDED,
  assertColumns,
  assertReadsAllTables,
  assertRows,
  assertSorted,
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

const COLUMNS = 'id INT, name STRING, at TIMESTAMP_NTZ'
// One file for each partition: of more, a delete would drop one as a whole.
const ROWS = `SELECT /*+ COALESCE(1) */ * FROM VALUES
  (1, 'a', TIMESTAMP_NTZ '2026-01-01'), (2, 'b', TIMESTAMP_NTZ '2026-02-01'), (3, NULL, NULL)`

/** A partitioned table with the rows A, B and C, then these statements; the rows of the last one. */
async function filled({ engine, its }: Lab, ...statements: readonly string[]): Promise<unknown> {
  const results = await engine.run(
    `CREATE TABLE ${its} (${COLUMNS}) USING iceberg PARTITIONED BY (months(at), bucket(4, id))`,
    `INSERT INTO ${its} ${ROWS}`,
    ...statements,
  )
  return results.at(-1)
}

/** The same rows in one file of a table that has these properties, and then these statements. */
async function unpartitioned(
  { engine, its }: Lab,
  properties: Readonly<Record<string, string>>,
  ...statements: readonly string[]
): Promise<void> {
  const list = Object.entries({ 'format-version': '2', ...properties }).map(
    ([key, value]) => `'${key}' = '${value}'`,
  )
  await engine.run(
    `CREATE TABLE ${its} (${COLUMNS}) USING iceberg TBLPROPERTIES (${list.join(', ')})`,
    `INSERT INTO ${its} ${ROWS}`,
    ...statements,
  )
}

/** A call of a procedure on the operation's table: `CALL catalog.system.name(table => 'lab.t1')`. */
function call({ engine, table }: Lab, procedure: string, ...options: readonly string[]): string {
  return `CALL ${engine.nameOf(`system.${procedure}`)}(${[`table => '${table}'`, ...options].join(', ')})`
}

const MERGE_ON_READ = { 'write.delete.mode': 'merge-on-read' } as const

/** What Spark makes of each operation; its statements are SQL. */
export const SPARK_OPERATIONS: Operations = {
  'reads bronze, silver, gold, quarantine and system tables': works(assertReadsAllTables),
  'filters by partitions, texts, times, decimals and nulls': works(async ({ engine, rows }) => {
    const table = engine.nameOf('silver.readings')
    const found = await engine.run(
      ...FILTERS.map(where => `SELECT CAST(count(*) AS INT) FROM ${table} WHERE ${where}`),
    )
    for (const [index, where] of FILTERS.entries()) {
      const expected = await rows(`SELECT count(*)::INTEGER FROM silver.readings WHERE ${where}`)
      assert.deepEqual(found[index], expected, where)
    }
  }),
  'reads a snapshot by its id': works(async lab => {
    await filled(lab, `DELETE FROM ${lab.its} WHERE id = 2`)
    const [first] = await snapshotsOf(lab)
    const counted = await lab.engine.run(`SELECT count(*) FROM ${lab.its} VERSION AS OF ${first?.id}`)
    assert.deepEqual(counted, [[[3]]])
    await assertRows(lab, [A, B, C], first?.id)
  }),
  'reads a table as of a time': works(async lab => {
    await filled(lab, `DELETE FROM ${lab.its} WHERE id = 2`)
    const [first] = await snapshotsOf(lab)
    const time = new Date(first?.timeMs ?? 0).toISOString()
    const counted = await lab.engine.run(`SELECT count(*) FROM ${lab.its} TIMESTAMP AS OF '${time}'`)
    assert.deepEqual(counted, [[[3]]])
  }),
  'lists snapshots and files': works(async lab => {
    await filled(lab)
    assert.deepEqual(
      await lab.engine.run(
        `SELECT count(*) FROM ${lab.its}.snapshots`,
        `SELECT count(*) FROM ${lab.its}.files`,
        `SELECT count(*) FROM ${lab.its}.history`,
      ),
      [[[1]], [[3]], [[1]]],
    )
  }),
  'appends to bronze, and a run takes the rows up': works(async lab => {
    const { vehicle, at, speed, odometer } = ADDED
    await lab.engine.run(
      `INSERT INTO ${lab.engine.nameOf('bronze.readings')} (vehicle, measured_at, speed_kmh, odometer_km, _ingested_at)
       VALUES ('${vehicle}', TIMESTAMP_NTZ '${at}', ${speed}D, ${odometer}, TIMESTAMP '2030-01-01 00:00:00')`,
    )
    await assertTakenUp(lab)
  }),
  'deletes in bronze, and a run takes the rows back': works(async lab => {
    await lab.engine.run(`DELETE FROM ${lab.engine.nameOf('bronze.readings')} WHERE vehicle = 'truck-1'`)
    await assertTakenBack(lab)
  }),
  'makes, lists and drops nested namespaces': works(async ({ engine }) => {
    const [outer, inner] = ['outer', 'outer.inner'].map(name => engine.nameOf(name))
    const results = await engine.run(
      `CREATE NAMESPACE ${outer}`,
      `CREATE NAMESPACE ${inner} WITH PROPERTIES (team = 'spark')`,
      `SHOW NAMESPACES IN ${outer}`,
      `DROP NAMESPACE ${inner}`,
      `SHOW NAMESPACES IN ${outer}`,
      `DROP NAMESPACE ${outer}`,
    )
    assert.deepEqual([results[2], results[4]], [[['outer.inner']], []])
  }),
  'creates a partitioned table and appends to it': works(async lab => {
    await filled(lab)
    assert.deepEqual(await partitioningOf(lab), ['month', 'bucket[4]'])
    await assertRows(lab, [A, B, C])
  }),
  'creates a table with its rows, in one commit': works(async lab => {
    await inOneTransaction(lab, () =>
      lab.engine.run(`CREATE TABLE ${lab.its} USING iceberg AS SELECT 1 AS id, 'a' AS name`),
    )
    await assertRows(lab, [[1, 'a']])
  }),
  'replaces a table': works(async lab => {
    await filled(lab)
    await inOneTransaction(lab, () =>
      lab.engine.run(`CREATE OR REPLACE TABLE ${lab.its} USING iceberg AS SELECT 'x' AS name`),
    )
    const [first] = await snapshotsOf(lab)
    await assertRows(lab, [['x']])
    await assertRows(lab, [A, B, C], first?.id)
  }),
  'renames a table': works(async lab => {
    await filled(lab, `ALTER TABLE ${lab.its} RENAME TO ${lab.table}_renamed`)
    await assertRows({ ...lab, table: `${lab.table}_renamed` }, [A, B, C])
  }),
  'drops a table': works(async lab => {
    await filled(lab, `DROP TABLE ${lab.its}`)
    await assert.rejects(lab.lake.load(lab.table), { code: 'TABLE_NOT_FOUND' })
  }),
  'registers a table by its metadata file': works(async lab => {
    await filled(lab)
    const { metadataLocation } = await lab.lake.load(lab.table)
    await lab.engine.run(
      `DROP TABLE ${lab.its}`,
      call(lab, 'register_table', `metadata_file => '${metadataLocation}'`),
    )
    await assertRows(lab, [A, B, C])
  }),
  'sets and removes table properties': works(async lab => {
    await filled(
      lab,
      `ALTER TABLE ${lab.its} SET TBLPROPERTIES ('engine' = 'spark', 'team' = 'x')`,
      `ALTER TABLE ${lab.its} UNSET TBLPROPERTIES ('team')`,
    )
    const { properties } = await metadataOf(lab)
    assert.deepEqual([properties.engine, properties.team], ['spark', undefined])
  }),
  'writes columns of every type that it has': works(async lab => {
    const values = [
      ...[
        'true',
        '-5',
        '4611686018427387904',
        '1.5F',
        '0.1D',
        "CAST('-1234567890123456.7891' AS DECIMAL(20, 4))",
      ],
      ...[
        "DATE '1969-12-31'",
        "TIMESTAMP_NTZ '1969-12-31 23:59:59.999999'",
        "TIMESTAMP '2026-01-01 00:00:00'",
      ],
      ...["'snow ü 🚀'", "X'00FF'", 'array(1, CAST(NULL AS INT))', "map('k', 1152921504606846976)"],
      "named_struct('x', 1, 'y', CAST(NULL AS STRING))",
    ]
    const columns = values.map((value, index) => `${value} AS c${index}`)
    await lab.engine.run(
      `CREATE TABLE ${lab.its} USING iceberg AS SELECT ${columns.join(', ')}`,
      `INSERT INTO ${lab.its} SELECT ${values.map(() => 'NULL').join(', ')}`,
    )
    // It has no time, and takes a uuid for a text.
    const [time, uuid] = [7, 11]
    await assertTyped(
      lab,
      TYPED.filter((_, index) => index !== time && index !== uuid),
    )
  }),
  'writes hostile names of tables and columns': works(async ({ engine, rows }) => {
    const name = `it's "quoted", ünd 🚀`
    const table = engine.nameOf(`lab.\`${name}\``)
    await engine.run(
      `CREATE TABLE ${table} (\`${name}\` INT, \`select\` INT) USING iceberg`,
      `INSERT INTO ${table} VALUES (1, 2)`,
    )
    const quoted = `"${name.replaceAll('"', '""')}"`
    assert.deepEqual(await rows(`SELECT ${quoted}, "select" FROM lab.${quoted}`), [[1, 2]])
  }),
  'deletes rows where the path of the files is not ASCII': works(async lab => {
    await createBelowUmlauts(lab)
    await lab.engine.run(
      `ALTER TABLE ${lab.its} SET TBLPROPERTIES ('write.delete.mode' = 'merge-on-read')`,
      `INSERT INTO ${lab.its} SELECT /*+ COALESCE(1) */ * FROM VALUES (1), (2)`,
      `DELETE FROM ${lab.its} WHERE id = 2`,
    )
    assert.equal(await totalOf(lab, 'total-position-deletes'), '1')
    await assertRows(lab, [[1]])
  }),
  'overwrites rows by a filter': works(async lab => {
    await filled(
      lab,
      `INSERT INTO ${lab.its} REPLACE WHERE id = 2 SELECT 2, 'new', TIMESTAMP_NTZ '2026-02-01'`,
    )
    await assertRows(lab, [A, [2, 'new', B[2]], C])
  }),
  'overwrites the partitions of the new rows': works(async lab => {
    await lab.engine.run(
      `CREATE TABLE ${lab.its} (${COLUMNS}) USING iceberg PARTITIONED BY (name)`,
      `INSERT INTO ${lab.its} ${ROWS}`,
      'SET spark.sql.sources.partitionOverwriteMode=dynamic',
      `INSERT OVERWRITE ${lab.its} SELECT 20, 'b', TIMESTAMP_NTZ '2026-02-01'`,
      'RESET spark.sql.sources.partitionOverwriteMode',
    )
    await assertRows(lab, [A, C, [20, 'b', B[2]]])
  }),
  'updates rows': works(async lab => {
    await filled(lab, `UPDATE ${lab.its} SET name = 'new' WHERE id = 1`)
    await assertRows(lab, [[1, 'new', A[2]], B, C])
  }),
  'deletes rows by rewriting files': works(async lab => {
    await unpartitioned(lab, {}, `DELETE FROM ${lab.its} WHERE id = 2`)
    assert.equal(await totalOf(lab, 'total-delete-files'), '0')
    await assertRows(lab, [A, C])
  }),
  'deletes rows by position deletes (v2)': works(async lab => {
    await unpartitioned(lab, MERGE_ON_READ, `DELETE FROM ${lab.its} WHERE id = 2`)
    assert.equal(await totalOf(lab, 'total-position-deletes'), '1')
    await assertRows(lab, [A, C])
  }),
  'deletes rows by deletion vectors (v3)': works(async lab => {
    await unpartitioned(
      lab,
      { ...MERGE_ON_READ, 'format-version': '3' },
      `DELETE FROM ${lab.its} WHERE id = 2`,
    )
    assert.equal((await metadataOf(lab))['format-version'], 3)
    assert.equal(await totalOf(lab, 'added-dvs'), '1')
    await assertRows(lab, [A, C])
  }),
  'merges rows by a key': works(async lab => {
    await filled(
      lab,
      `MERGE INTO ${lab.its} t USING (SELECT * FROM VALUES (1, 'merged'), (2, NULL), (4, 'd') AS s(id, name)) s
       ON t.id = s.id
       WHEN MATCHED AND s.name IS NULL THEN DELETE
       WHEN MATCHED THEN UPDATE SET name = s.name
       WHEN NOT MATCHED THEN INSERT (id, name, at) VALUES (s.id, s.name, NULL)`,
    )
    await assertRows(lab, [[1, 'merged', A[2]], C, [4, 'd', null]])
  }),
  'commits several changes of a table at once': lacks(/START TRANSACTION is not valid/, async lab => {
    await lab.engine.run('START TRANSACTION')
  }),
  'commits changes of several tables at once': lacks(/START TRANSACTION is not valid/, async lab => {
    await lab.engine.run('START TRANSACTION')
  }),
  'adds, renames and drops columns': works(async lab => {
    await unpartitioned(
      lab,
      {},
      `ALTER TABLE ${lab.its} ADD COLUMN more DOUBLE`,
      `ALTER TABLE ${lab.its} RENAME COLUMN name TO title`,
      `ALTER TABLE ${lab.its} DROP COLUMN at`,
      `INSERT INTO ${lab.its} VALUES (4, 'd', 0.5D)`,
    )
    await assertColumns(lab, { id: 'int', title: 'string', more: 'double' })
    await assertRows(lab, [
      [1, 'a', null],
      [2, 'b', null],
      [3, null, null],
      [4, 'd', 0.5],
    ])
  }),
  'moves columns': works(async lab => {
    await filled(lab, `ALTER TABLE ${lab.its} ALTER COLUMN at FIRST`)
    await assertColumns(lab, { at: 'timestamp', id: 'int', name: 'string' })
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
      `CREATE TABLE ${lab.its} (id INT, s STRUCT<x: INT>) USING iceberg`,
      `INSERT INTO ${lab.its} VALUES (1, named_struct('x', 7))`,
      `ALTER TABLE ${lab.its} ADD COLUMN s.y STRING`,
      `ALTER TABLE ${lab.its} RENAME COLUMN s.x TO z`,
      `INSERT INTO ${lab.its} VALUES (2, named_struct('z', 8, 'y', 'new'))`,
    )
    await assertRows(lab, [
      [1, { z: 7, y: null }],
      [2, { z: 8, y: 'new' }],
    ])
  }),
  'adds a column with a default (v3)': refuses(
    /setting default values in Spark is currently unsupported/,
    async lab => {
      await unpartitioned(
        lab,
        { 'format-version': '3' },
        `ALTER TABLE ${lab.its} ADD COLUMN more INT DEFAULT 5`,
      )
    },
  ),
  'changes the partition spec, and writes by it': works(async lab => {
    await filled(
      lab,
      `ALTER TABLE ${lab.its} DROP PARTITION FIELD bucket(4, id)`,
      `ALTER TABLE ${lab.its} ADD PARTITION FIELD truncate(1, name)`,
      `INSERT INTO ${lab.its} VALUES (4, 'xyz', TIMESTAMP_NTZ '2026-02-01')`,
    )
    assert.deepEqual(await partitioningOf(lab), ['month', 'truncate[1]'])
    await assertRows(lab, [A, B, C, [4, 'xyz', B[2]]])
  }),
  'sets the sort order': works(async lab => {
    await filled(lab, `ALTER TABLE ${lab.its} WRITE ORDERED BY id DESC NULLS LAST`)
    await assertSorted(lab)
  }),
  'writes to a branch, and fast-forwards main to it': works(async lab => {
    await filled(
      lab,
      `ALTER TABLE ${lab.its} CREATE BRANCH audit`,
      `INSERT INTO ${lab.its}.branch_audit VALUES (4, NULL, NULL)`,
    )
    await assertRows(lab, [A, B, C])
    await assertRows(lab, [A, B, C, [4, null, null]], 'audit')
    await lab.engine.run(
      call(lab, 'fast_forward', "branch => 'main'", "to => 'audit'"),
      `ALTER TABLE ${lab.its} DROP BRANCH audit`,
    )
    await assertRows(lab, [A, B, C, [4, null, null]])
    assert.deepEqual(Object.keys((await metadataOf(lab)).refs), ['main'])
  }),
  'tags a snapshot, and reads it by the tag': works(async lab => {
    await filled(lab, `ALTER TABLE ${lab.its} CREATE TAG before`, `DELETE FROM ${lab.its} WHERE id = 2`)
    const counted = await lab.engine.run(`SELECT count(*) FROM ${lab.its} VERSION AS OF 'before'`)
    assert.deepEqual(counted, [[[3]]])
    await assertRows(lab, [A, B, C], 'before')
    await lab.engine.run(`ALTER TABLE ${lab.its} DROP TAG before`)
    await assertRows(lab, [A, C])
  }),
  'rolls back to a snapshot': works(async lab => {
    await filled(lab, `DELETE FROM ${lab.its} WHERE id = 2`)
    const [first] = await snapshotsOf(lab)
    await lab.engine.run(call(lab, 'rollback_to_snapshot', `snapshot_id => ${first?.id}`))
    await assertRows(lab, [A, B, C])
  }),
  'cherry-picks a staged snapshot': works(async lab => {
    await filled(
      lab,
      `ALTER TABLE ${lab.its} SET TBLPROPERTIES ('write.wap.enabled' = 'true')`,
      'SET spark.wap.id=audit',
      `INSERT INTO ${lab.its} VALUES (4, NULL, NULL)`,
      'RESET spark.wap.id',
    )
    await assertRows(lab, [A, B, C])
    const [, staged] = await snapshotsOf(lab)
    await lab.engine.run(call(lab, 'cherrypick_snapshot', `snapshot_id => ${staged?.id}`))
    await assertRows(lab, [A, B, C, [4, null, null]])
  }),
  'rewrites data files': works(async lab => {
    await unpartitioned(
      lab,
      MERGE_ON_READ,
      `INSERT INTO ${lab.its} VALUES (4, NULL, NULL)`,
      `DELETE FROM ${lab.its} WHERE id = 2`,
      call(lab, 'rewrite_data_files', "options => map('rewrite-all', 'true')"),
    )
    assert.equal(await totalOf(lab, 'total-data-files'), '1')
    await assertRows(lab, [A, C, [4, null, null]])
  }),
  'rewrites manifests': works(async lab => {
    await filled(lab, `INSERT INTO ${lab.its} VALUES (4, NULL, NULL)`)
    const [rewritten] = await lab.engine.run(call(lab, 'rewrite_manifests'))
    assert.deepEqual(rewritten, [[2, 1]])
    await assertRows(lab, [A, B, C, [4, null, null]])
  }),
  'rewrites position deletes': works(async lab => {
    const property = { ...MERGE_ON_READ, 'write.delete.granularity': 'partition' }
    await unpartitioned(
      lab,
      property,
      `DELETE FROM ${lab.its} WHERE id = 2`,
      `DELETE FROM ${lab.its} WHERE id = 3`,
      call(lab, 'rewrite_position_delete_files', "options => map('rewrite-all', 'true')"),
    )
    assert.deepEqual(
      [await totalOf(lab, 'total-delete-files'), await totalOf(lab, 'total-position-deletes')],
      ['1', '2'],
    )
    await assertRows(lab, [A])
  }),
  'expires snapshots': works(async lab => {
    await filled(
      lab,
      `DELETE FROM ${lab.its} WHERE id = 2`,
      call(lab, 'expire_snapshots', "older_than => TIMESTAMP '2100-01-01 00:00:00'", 'retain_last => 1'),
    )
    assert.equal((await snapshotsOf(lab)).length, 1)
    await assertRows(lab, [A, C])
  }),
  'removes orphan files': works(async lab => {
    await filled(lab)
    const { metadataLocation: orphan } = await lab.lake.load(lab.table)
    const forget = `ALTER TABLE ${lab.its} SET TBLPROPERTIES ('write.metadata.previous-versions-max' = '1', 'count' = `
    await lab.engine.run(...[1, 2].map(count => `${forget}'${count}')`))
    const { metadataLocation: kept } = await lab.lake.load(lab.table)
    // It touches no file of the last day, so it is told when these were written.
    const [, removed] = await lab.engine.run(
      `CREATE OR REPLACE TEMPORARY VIEW given_files AS SELECT * FROM VALUES
       ('${orphan}', TIMESTAMP '2020-01-01'), ('${kept}', TIMESTAMP '2020-01-01') AS f(file_path, last_modified)`,
      call(lab, 'remove_orphan_files', "file_list_view => 'given_files'"),
    )
    assert.deepEqual(removed, [[orphan]])
    await assertRows(lab, [A, B, C])
  }),
  'takes in Parquet files that are there': {
    'folder + libsql': works(async lab => {
      await takeIn(lab)
      await assertRows(lab, [A, B, C])
    }),
    'S3 + PostgreSQL': refuses(/No FileSystem for scheme "s3"/, takeIn),
  },
  'creates, lists and drops a view': works(async lab => {
    const [, listed, , left] = await lab.engine.run(
      `CREATE VIEW ${lab.its} AS SELECT 1 AS id`,
      `SHOW VIEWS IN ${lab.engine.nameOf('lab')}`,
      `DROP VIEW ${lab.its}`,
      `SHOW VIEWS IN ${lab.engine.nameOf('lab')}`,
    )
    const name = lab.table.split('.')[1]
    const has = (views: unknown): boolean => (views as string[][]).some(view => view[1] === name)
    assert.deepEqual([has(listed), has(left)], [true, false])
  }),
  'replaces a view': works(async lab => {
    await lab.engine.run(
      `CREATE VIEW ${lab.its} AS SELECT 1 AS id`,
      `CREATE OR REPLACE VIEW ${lab.its} AS SELECT 2 AS number`,
    )
    assert.deepEqual(await lab.engine.run(`SELECT number FROM ${lab.its}`), [[[2]]])
  }),
  'reads rows through a view': works(async lab => {
    const { engine, its } = lab
    await filled(lab, `CREATE VIEW ${its}_view (key COMMENT 'of it') AS SELECT id FROM ${its} WHERE id > 1`)
    assert.deepEqual(await engine.run(`SELECT key FROM ${its}_view ORDER BY key`), [[[2], [3]]])
  }),
}

/** A folder of Parquet files that the table takes as its own. */
async function takeIn(lab: Lab): Promise<void> {
  await lab.engine.run(`CREATE TABLE ${lab.its} (${COLUMNS}) USING iceberg`)
  const given = `${(await metadataOf(lab)).location}/given`
  await lab.engine.run(
    `INSERT OVERWRITE DIRECTORY '${given}' USING parquet SELECT * FROM (${ROWS}) AS given(id, name, at)`,
    call(lab, 'add_files', `source_table => '\`parquet\`.\`${given}\`'`),
  )
}

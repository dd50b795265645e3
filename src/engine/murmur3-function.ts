import { BLOB, DuckDBBlobValue, type DuckDBConnection, DuckDBScalarFunction, INTEGER } from '@duckdb/node-api'
import { murmur3 } from '../format/murmur3.ts'

/**
 * Makes `ingot_murmur3(BLOB) → INTEGER` known to the SQL of a session: the hash under Iceberg's bucket transforms, null for null.
 * The bytes of each type follow the Iceberg spec, "Appendix B: 32-bit Hash Requirements", and are the caller's to build. DuckDB
 * calls it in the worker's main thread, a vector at a time, whatever the number of its own threads.
 */
export function registerMurmur3(connection: DuckDBConnection): void {
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: 'ingot_murmur3',
      parameterTypes: [BLOB],
      returnType: INTEGER,
      mainFunction: (_, input, output) => {
        const blobs = input.getColumnVector(0)
        for (let row = 0; row < input.rowCount; row += 1) {
          const blob = blobs.getItem(row)
          output.setItem(row, blob instanceof DuckDBBlobValue ? murmur3(blob.bytes) : null)
        }
        output.flush()
      },
    }),
  )
}

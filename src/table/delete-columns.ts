/** Field id of `file_path` in a position delete file (Iceberg spec, "Reserved Field IDs"). */
export const DELETE_FILE_PATH_ID = 2_147_483_546

/** Field id of `pos` in a position delete file (Iceberg spec, "Reserved Field IDs"). */
export const DELETE_POSITION_ID = 2_147_483_545

#include <sqlite3.h>

// Closing the last connection then leaves the log as it is, instead of flushing it into the main file.
// Swift cannot call functions with variable arguments.
static inline int reflow_sqlite_keep_log_on_close(sqlite3 *db) {
  return sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}

/** Thread side of a worker. (To come.) */

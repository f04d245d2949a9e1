//! The program: reads the command line, calls the engine or the terminal, says how it went.

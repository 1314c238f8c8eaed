using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Wick.Tests")]

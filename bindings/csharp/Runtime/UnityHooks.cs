// Unity has ends of its own: a player that quits, and the editor that loads assemblies anew.
#if UNITY_2021_2_OR_NEWER
using UnityEngine;

namespace Wick
{
#if UNITY_EDITOR
    [UnityEditor.InitializeOnLoad]
#endif
    internal static class UnityHooks
    {
        static UnityHooks()
        {
#if UNITY_EDITOR
            UnityEditor.AssemblyReloadEvents.beforeAssemblyReload += Exit.All;
#endif
        }

        [RuntimeInitializeOnLoadMethod(RuntimeInitializeLoadType.SubsystemRegistration)]
        [Preserve]
        private static void Register()
        {
            // In the editor play mode ends so, too; without a reload of the domain it begins again.
            Application.quitting -= Exit.All;
            Application.quitting += Exit.All;
        }
    }
}
#endif

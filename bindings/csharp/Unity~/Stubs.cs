// The few of Unity's types that the package uses, so that its sources compile without Unity.
using System;
using System.Collections;

namespace UnityEngine
{
    public enum RuntimeInitializeLoadType
    {
        SubsystemRegistration,
    }

    [AttributeUsage(AttributeTargets.Method)]
    public sealed class RuntimeInitializeOnLoadMethodAttribute : Attribute
    {
        public RuntimeInitializeOnLoadMethodAttribute(RuntimeInitializeLoadType when)
        {
        }
    }

    [AttributeUsage(AttributeTargets.Field)]
    public sealed class TooltipAttribute : Attribute
    {
        public TooltipAttribute(string text)
        {
        }
    }

    [AttributeUsage(AttributeTargets.Field)]
    public sealed class SerializeFieldAttribute : Attribute
    {
    }

    public static class Application
    {
        public static event Action quitting = delegate { };

        public static string streamingAssetsPath
        {
            get { quitting(); return ""; }
        }
    }

    public static class Debug
    {
        public static void Log(object message)
        {
        }

        public static void LogError(object message)
        {
        }
    }

    public class Object
    {
    }

    public class MonoBehaviour : Object
    {
    }
}

namespace UnityEngine.Events
{
    public class UnityEvent<T>
    {
        public void Invoke(T value)
        {
        }
    }
}

namespace UnityEditor
{
    [AttributeUsage(AttributeTargets.Class)]
    public sealed class InitializeOnLoadAttribute : Attribute
    {
    }

    public static class AssemblyReloadEvents
    {
        public static event Action beforeAssemblyReload = delegate { };

        public static void Reload()
        {
            beforeAssemblyReload();
        }
    }
}
